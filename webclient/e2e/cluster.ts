// Several gateways on one Redis, behind a balancer, as processes.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway } from "./gateway";

/** A Redis as the product demands it. */
class Redis {
  private child: ChildProcess | null = null;
  private readonly folder = mkdtempSync(join(tmpdir(), "backline-redis-"));

  constructor(private readonly port: number) {}

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = `--port ${this.port} --bind 127.0.0.1 --save  --appendonly yes --appendfsync always --maxmemory-policy noeviction`;
    this.child = spawn("redis-server", [...args.split(" "), "--dir", this.folder], { stdio: "ignore" });
    for (let tries = 0; tries < 400; tries++) {
      if (await accepts(this.port)) return;
      await new Promise((r) => setTimeout(r, 25));
    }
    throw new Error("redis-server does not answer");
  }

  async stop(keep = false): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child && child.exitCode === null) {
      await new Promise((resolve) => {
        child.once("exit", resolve);
        child.kill("SIGKILL");
      });
    }
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const s = connect(port, "127.0.0.1");
    s.once("connect", () => {
      s.destroy();
      resolve(true);
    });
    s.once("error", () => resolve(false));
  });
}

/** Passes connections on in turn, to a gateway that takes them; nothing is sticky. */
class Balancer {
  targets: number[] = [];
  private turn = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static open(): Promise<Balancer> {
    return new Promise((resolve) => {
      let b: Balancer;
      const server = createServer((s) => b.pass(s, b.targets.length));
      server.listen(0, "127.0.0.1", () => {
        const a = server.address();
        b = new Balancer(server, typeof a === "object" && a ? a.port : 0);
        resolve(b);
      });
    });
  }

  private pass(from: Socket, tries: number): void {
    const port = this.targets[this.turn++ % Math.max(this.targets.length, 1)];
    if (!port || tries === 0) {
      from.destroy();
      return;
    }
    const to = connect(port, "127.0.0.1");
    to.once("error", () => this.pass(from, tries - 1));
    to.once("connect", () => {
      to.removeAllListeners("error");
      for (const s of [from, to]) {
        this.sockets.add(s);
        s.on("error", () => {});
        s.on("close", () => {
          this.sockets.delete(s);
          from.destroy();
          to.destroy();
        });
      }
      from.pipe(to).pipe(from);
    });
    from.on("error", () => to.destroy());
  }

  close(): Promise<void> {
    for (const s of this.sockets) s.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

export class Cluster {
  private constructor(
    readonly redis: Redis,
    private readonly balancer: Balancer,
    readonly nodes: Gateway[],
  ) {}

  /** Where pages go: all gateways in turn. */
  get url(): string {
    return `http://127.0.0.1:${this.balancer.port}`;
  }

  static async open(origin: string, size: number): Promise<Cluster> {
    const balancer = await Balancer.open();
    const redis = new Redis(balancer.port + 1 > 65_000 ? balancer.port - 1 : balancer.port + 1);
    await redis.start();
    const c = new Cluster(redis, balancer, []);
    for (let i = 1; i <= size; i++) c.nodes.push(await Gateway.node(`n${i}`, origin, redis.url, c.url));
    c.nodes[0]?.addAgents();
    c.use(...c.nodes);
    return c;
  }

  /** From now on new connections go to these. */
  use(...nodes: Gateway[]): void {
    this.balancer.targets = nodes.map((n) => Number(new URL(n.url).port));
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((n) => n.stop()));
    await Promise.all([this.balancer.close(), this.redis.stop()]);
  }
}
