// Gateways as processes: the demo with everything in it, or `serve` with a configuration of the test's own.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const binary = join(import.meta.dirname, "../../bin/backline");

/** Below the range from which systems take the ports of outgoing connections: a gateway that was killed must
 * find its port free again. Where it begins differs from run to run, so that two at a time do not meet. */
let next = 12_000 + ((process.pid * 64) % 18_000);

/** Two ports in a row that are free now: a demo's gateway and its world. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = next;
    next += 2;
    const free = await Promise.all([listenOnce(port), listenOnce(port + 1)]).then(
      () => true,
      () => false,
    );
    if (free) return port;
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const s = createServer();
    s.once("error", reject);
    s.listen(port, "127.0.0.1", () => {
      const a = s.address();
      s.close(() => resolve(typeof a === "object" && a ? a.port : 0));
    });
  });
}

/** Asks without a look at the certificate. */
function answers(url: string): Promise<boolean> {
  if (url.startsWith("http:")) {
    return fetch(url).then(
      (r) => r.ok,
      () => false,
    );
  }
  return new Promise((resolve) => {
    const r = request(url, { rejectUnauthorized: false }, (res) => {
      res.resume();
      resolve(res.statusCode === 200);
    });
    r.once("error", () => resolve(false));
    r.end();
  });
}

function certificate(folder: string): void {
  const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost".split(" ");
  const files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"];
  const done = spawnSync("openssl", [...args, ...files], { cwd: folder, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`openssl: ${done.stderr}`);
}

function addAgents(config: string): void {
  for (const id of ["jana", "emil"]) {
    const added = spawnSync(binary, ["agent", "add", "--config", config, "--id", id, "--queues", "main"], {
      input: `${password}\n`,
    });
    if (added.status !== 0) throw new Error(`agent add: ${added.stderr}`);
  }
}

export class Gateway {
  private child: ChildProcess | null = null;
  /** The process that took over last; it is not our child. */
  private heir = 0;
  private log = "";

  private constructor(
    readonly url: string,
    /** The company's website of a demo. */
    readonly world: string,
    private readonly folder: string,
    private readonly args: string[],
  ) {}

  /** The demo: one-click sign-in, a website, a phone. */
  static async demo(): Promise<Gateway> {
    const port = await freePorts();
    const folder = mkdtempSync(join(tmpdir(), "backline-e2e-"));
    const args = ["demo", "--listen", `127.0.0.1:${port}`, "--data", folder, "--verbose"];
    const g = new Gateway(`http://127.0.0.1:${port}`, `http://127.0.0.1:${port + 1}`, folder, args);
    await g.start();
    return g;
  }

  /** A gateway with agents jana and emil, one text each, password below, and one site whose pages have the origin.
   * secure: it speaks TLS itself, with a certificate of nobody's. queue: further keys of the one queue. */
  static async serve(origin: string, more = "", secure = false, queue = ""): Promise<Gateway> {
    const port = await freePorts();
    const folder = mkdtempSync(join(tmpdir(), "backline-e2e-"));
    const config = join(folder, "backline.yaml");
    const url = `${secure ? "https" : "http"}://127.0.0.1:${port}`;
    if (secure) certificate(folder);
    writeFileSync(
      config,
      `version: 1
listen: 127.0.0.1:${port}
public_url: ${url}
data: ${folder}/data
${secure ? "tls: {certificate: cert.pem, private_key: key.pem}" : ""}
company: {name: Nordwind Logistik, language: en}
rtc: {media: "127.0.0.1:0", turn: "127.0.0.1:0"}
queues: [{id: main, name: Service, ring: 12s${queue && `, ${queue}`}}]
agents:
  - {id: jana, name: Jana Brandt, queues: [main], capacity: {text: 1}}
  - {id: emil, name: Emil Sommer, queues: [main], capacity: {text: 1}}
entries:
  - {channel: livechat, site: shop, to: queue/main, origins: ["${origin}"]}
limits: {requests_per_second: 500, burst: 500}
${more}`,
    );
    addAgents(config);
    const g = new Gateway(url, "", folder, ["serve", "--config", config]);
    await g.start();
    return g;
  }

  /** One of several gateways on one Redis, behind a balancer. */
  static async node(name: string, origin: string, redis: string, publicURL: string): Promise<Gateway> {
    const port = await freePorts();
    const folder = mkdtempSync(join(tmpdir(), "backline-e2e-"));
    const config = join(folder, "backline.yaml");
    const url = `http://127.0.0.1:${port}`;
    writeFileSync(
      config,
      `version: 1
listen: 127.0.0.1:${port}
public_url: ${publicURL}
data: ${folder}/data
company: {name: Nordwind Logistik, language: en}
rtc: {media: "127.0.0.1:0", turn: "127.0.0.1:0"}
queues: [{id: main, name: Service, ring: 12s}]
agents:
  - {id: jana, name: Jana Brandt, queues: [main], capacity: {text: 3}}
  - {id: emil, name: Emil Sommer, queues: [main], capacity: {text: 3}}
entries:
  - {channel: livechat, site: shop, to: queue/main, origins: ["${origin}"]}
limits: {requests_per_second: 500, burst: 500}
store: {engine: redis, url: "${redis}"}
node: {name: ${name}, address: "${url}"}
`,
    );
    const g = new Gateway(url, "", folder, ["serve", "--config", config]);
    await g.start();
    return g;
  }

  /** Gives the agents their passwords, at a gateway that runs. */
  addAgents(): void {
    addAgents(this.args[2] ?? "");
  }

  async start(): Promise<void> {
    const child = spawn(binary, this.args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.on("data", (d) => (this.log += d));
    child.stderr.on("data", (d) => (this.log += d));
    this.child = child;
    let ended = "";
    child.once("exit", (code, signal) => (ended = `ended with ${code ?? signal}`));
    for (let tries = 0; tries < 600; tries++) {
      const ok = await answers(`${this.url}/readyz`);
      if (ended) break; // whoever answered was another one
      if (ok) return;
      await new Promise((r) => setTimeout(r, 25));
    }
    throw new Error(`the gateway ${ended || "was not ready"}:\n${this.log}`);
  }

  /** Runs a command beside the gateway, on its folder, and returns what it prints. */
  run(...command: string[]): string {
    const flag = this.args.indexOf("--config");
    const where = flag < 0 ? ["--data", this.folder] : ["--config", this.args[flag + 1] ?? ""];
    const done = spawnSync(binary, [...command, ...where], { encoding: "utf8" });
    if (done.status !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
    return done.stdout;
  }

  /** Begins a command that goes on, and prints JSON lines. */
  begin(...command: string[]): Command {
    const flag = this.args.indexOf("--config");
    return new Command([...command, "--config", this.args[flag + 1] ?? ""]);
  }

  /** Puts a new process in the place of this one while it runs. */
  upgrade(): Promise<void> {
    const command = spawn(binary, ["upgrade", ...this.args.slice(1)], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    command.stdout.on("data", (d) => (said += d));
    command.stderr.on("data", (d) => (said += d));
    return new Promise((resolve, reject) => {
      command.once("close", (code) => {
        this.heir = Number(/process (\d+)/.exec(said)?.[1] ?? 0);
        if (code === 0 && this.heir) resolve();
        else reject(new Error(`upgrade: ${said}\n${this.log}`));
      });
    });
  }

  /** Ends it as a power failure would. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Ends it in order and removes what it wrote. */
  async stop(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.heir) {
      process.kill(this.heir, signal);
      this.heir = 0;
      while (await answers(`${this.url}/livez`)) await new Promise((r) => setTimeout(r, 25));
    }
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill(signal);
    });
  }
}

/** What one JSON line of a command may hold. */
export interface Line {
  url: string;
  path?: string;
  ok?: boolean;
}

export class Command {
  #out = "";
  readonly #child;
  readonly #code: Promise<number | null>;

  constructor(args: string[]) {
    this.#child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#child.stdout.on("data", (d) => (this.#out += d));
    this.#code = new Promise((resolve) => this.#child.once("exit", resolve));
  }

  lines(): Line[] {
    return this.#out
      .split("\n")
      .slice(0, -1)
      .map((l) => JSON.parse(l));
  }

  /** Waits for a line. */
  async line(is: (l: Line) => unknown): Promise<Line> {
    for (;;) {
      const found = this.lines().find(is);
      if (found) return found;
      if (this.#child.exitCode !== null) throw new Error(`the command ended with ${this.#child.exitCode}`);
      await new Promise((r) => setTimeout(r, 50));
    }
  }

  /** Waits for its exit code. */
  end(): Promise<number | null> {
    return this.#code;
  }
}

export const password = "correct horse battery";
