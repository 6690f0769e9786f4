// A network between pages and the gateway that can be cut, and one that lets no UDP through. What is sent while
// it is cut arrives later on sockets, as with TCP, and never on the line of a call, as with UDP.

import { createSocket, type Socket } from "node:dgram";
import type { BrowserContext, WebSocketRoute } from "@playwright/test";

export class Network {
  #cut = false;
  #held: (() => void)[] = [];
  readonly #relays = new Map<number, Relay>();

  private constructor(readonly udp: boolean) {}

  /** Puts every page that the context opens from now on behind it. */
  static async of(context: BrowserContext, o: { udp: boolean } = { udp: true }): Promise<Network> {
    const n = new Network(o.udp);
    await context.exposeFunction("relayPort", (port: number) => n.#relay(port));
    await context.addInitScript(() => {
      const w = window as unknown as { relayPort(port: number): Promise<number> };
      const native: (d: RTCSessionDescriptionInit) => Promise<void> = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = async function (this: RTCPeerConnection, d) {
        let sdp = d?.sdp ?? "";
        for (const [line, port] of sdp.matchAll(/^a=candidate:\S+ \d+ udp \d+ \S+ (\d+) .*$/gim)) {
          sdp = sdp.replace(line, line.replace(` ${port} `, ` ${await w.relayPort(Number(port))} `));
        }
        return native.call(this, { type: d?.type ?? "answer", sdp });
      } as typeof native;
    });
    await context.routeWebSocket(/\/ws\//, (ws) => n.#socket(ws));
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
  }

  /** Does it now, or in its turn when the network is back. */
  #pass(what: () => void): void {
    if (this.#cut) this.#held.push(what);
    else what();
  }

  #socket(ws: WebSocketRoute): void {
    const early: (string | Buffer)[] = [];
    let server: WebSocketRoute | undefined;
    ws.onMessage((m) => this.#pass(() => (server ? server.send(m) : early.push(m))));
    this.#pass(() => {
      server = ws.connectToServer();
      server.onMessage((m) => this.#pass(() => ws.send(m)));
      for (const m of early.splice(0)) server.send(m);
    });
  }

  async #relay(port: number): Promise<number> {
    let r = this.#relays.get(port);
    if (!r) {
      r = await Relay.to(port, () => this.#cut || !this.udp);
      this.#relays.set(port, r);
    }
    return r.port;
  }
}

/** Hands on datagrams of each sender, and what comes back. */
class Relay {
  readonly #ways = new Map<number, Socket>();

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
          if (!deaf()) r.#way(from.port, deaf).send(data, target, "127.0.0.1");
        });
        resolve(r);
      });
    });
  }

  #way(sender: number, deaf: () => boolean): Socket {
    let s = this.#ways.get(sender);
    if (!s) {
      s = createSocket("udp4");
      s.on("message", (data) => {
        if (!deaf()) this.front.send(data, sender, "127.0.0.1");
      });
      this.#ways.set(sender, s);
    }
    return s;
  }

  close(): void {
    for (const s of [this.front, ...this.#ways.values()]) s.close();
  }
}
