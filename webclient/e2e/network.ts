// A network between pages and the gateway that can be cut, one that lets no UDP through, and one that lets nothing
// through but the web. What is sent while
// it is cut arrives later on sockets, as with TCP, and never on the line of a call, as with UDP.

import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:net";
import type { BrowserContext, WebSocketRoute } from "@playwright/test";

export interface Passes {
  udp: boolean;
  /** ICE over TCP, and TURN; the web always passes. Default true. */
  tcp?: boolean;
}

export class Network {
  #cut = false;
  /** The part of datagrams that are lost, in each direction, by a die that falls the same in every run. */
  loss = 0;
  #die = 1;
  #silent: Promise<Server> | undefined;
  #held: (() => void)[] = [];
  readonly #relays = new Map<number, Relay>();

  private constructor(readonly passes: Passes) {}

  /** Puts every page that the context opens from now on behind it. */
  static async of(context: BrowserContext, o: Passes = { udp: true }): Promise<Network> {
    const n = new Network(o);
    await context.exposeFunction("relayPort", (port: number, way: string) => n.#way(port, way));
    if (!(o.tcp ?? true)) {
      await context.addInitScript(() => {
        const Native = window.RTCPeerConnection;
        window.RTCPeerConnection = class extends Native {
          constructor(c: RTCConfiguration = {}) {
            super({ ...c, iceServers: [] });
          }
        };
      });
    }
    await context.addInitScript(() => {
      const w = window as unknown as { relayPort(port: number, way: string): Promise<number> };
      const native: (d: RTCSessionDescriptionInit) => Promise<void> = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = async function (this: RTCPeerConnection, d) {
        let sdp = d?.sdp ?? "";
        for (const [line, way = "", port] of sdp.matchAll(/^a=candidate:\S+ \d+ (udp|tcp) \d+ \S+ (\d+) .*$/gim)) {
          sdp = sdp.replace(line, line.replace(` ${port} `, ` ${await w.relayPort(Number(port), way)} `));
        }
        return native.call(this, { type: d?.type ?? "answer", sdp });
      } as typeof native;
    });
    await context.routeWebSocket(/\/ws\//, (ws) => n.#socket(ws));
    await context.route(/\/w\/(voice|files)/, (route) => (n.#cut ? route.abort() : route.fallback()));
    return n;
  }

  cut(): void {
    this.#cut = true;
  }

  heal(): void {
    this.#cut = false;
    for (const pass of this.#held.splice(0)) pass();
  }

  close(): void {
    for (const r of this.#relays.values()) r.close();
    void this.#silent?.then((s) => s.close());
  }

  /** Does it now, or in its turn when the network is back. */
  #pass(what: () => void): void {
    if (this.#cut) this.#held.push(what);
    else what();
  }

  #socket(ws: WebSocketRoute): void {
    const early: (string | Buffer)[] = [];
    let server: WebSocketRoute | undefined;
    // A page that gives up in a gap is not heard to do so either.
    ws.onClose((code, reason) =>
      this.#pass(() => void server?.close({ ...(code ? { code } : {}), reason: reason ?? "" })),
    );
    ws.onMessage((m) => this.#pass(() => (server ? server.send(m) : early.push(m))));
    this.#pass(() => {
      server = ws.connectToServer();
      server.onMessage((m) => this.#pass(() => ws.send(m)));
      for (const m of early.splice(0)) server.send(m);
    });
  }

  async #way(port: number, way: string): Promise<number> {
    if (way.toLowerCase() === "udp") return this.#relay(port);
    if (this.passes.tcp ?? true) return port;
    // A firewall that swallows: connections come about, and nothing ever comes back.
    this.#silent ??= new Promise((resolve) => {
      const s = createServer(() => {}).listen(0, "127.0.0.1", () => resolve(s));
    });
    const at = (await this.#silent).address();
    return typeof at === "object" && at ? at.port : 9;
  }

  #loses(): boolean {
    this.#die = (this.#die * 48271) % 0x7fffffff; // minimal standard generator
    return this.#die / 0x7fffffff < this.loss;
  }

  async #relay(port: number): Promise<number> {
    let r = this.#relays.get(port);
    if (!r) {
      r = await Relay.to(port, () => this.#cut || !this.passes.udp || this.#loses());
      this.#relays.set(port, r);
    }
    return r.port;
  }
}

/** Hands on datagrams of each sender, and what comes back. */
class Relay {
  readonly #ways = new Map<string, Socket>();

  private constructor(
    readonly front: Socket,
    readonly port: number,
  ) {}

  static to(target: number, deaf: () => boolean): Promise<Relay> {
    return new Promise((resolve) => {
      const front = createSocket("udp4");
      front.bind(0, "127.0.0.1", () => {
        const r = new Relay(front, front.address().port);
        front.on("message", (data, from) => {
          if (!deaf()) r.#way(from, deaf).send(data, target, "127.0.0.1");
        });
        resolve(r);
      });
    });
  }

  #way(sender: { address: string; port: number }, deaf: () => boolean): Socket {
    const key = `${sender.address} ${sender.port}`;
    let s = this.#ways.get(key);
    if (!s) {
      s = createSocket("udp4");
      s.on("message", (data) => {
        if (!deaf()) this.front.send(data, sender.port, sender.address);
      });
      this.#ways.set(key, s);
    }
    return s;
  }

  close(): void {
    for (const s of [this.front, ...this.#ways.values()]) s.close();
  }
}
