// The network between a browser and a gateway: it can be cut, and it can fall silent.

import { connect, createServer, type Server, type Socket } from "node:net";

export class Wire {
  private readonly pairs = new Set<[Socket, Socket]>();
  private state: "up" | "cut" | "silent" = "up";

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  /** A wire to a gateway, on a port of its own. */
  static open(target: string): Promise<Wire> {
    const port = Number(new URL(target).port);
    return new Promise((resolve) => {
      const server = createServer({ allowHalfOpen: true }, (near) => wire.join(near, connect(port, "127.0.0.1")));
      let wire: Wire;
      server.listen(0, "127.0.0.1", () => {
        const a = server.address();
        wire = new Wire(server, `http://127.0.0.1:${typeof a === "object" && a ? a.port : 0}`);
        resolve(wire);
      });
    });
  }

  /** Everything breaks at once, and nothing new begins: no network. */
  cut(): void {
    this.state = "cut";
    this.drop();
  }

  /** Nothing arrives any more, and nobody is told: a phone in a lift. */
  silence(): void {
    this.state = "silent";
    for (const [near, far] of this.pairs) {
      near.unpipe();
      far.unpipe();
    }
  }

  /** New connections go through; those of before are gone. */
  mend(): void {
    this.state = "up";
    this.drop();
  }

  close(): Promise<void> {
    this.drop();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private drop(): void {
    for (const [near, far] of this.pairs) {
      near.destroy();
      far.destroy();
    }
    this.pairs.clear();
  }

  private join(near: Socket, far: Socket): void {
    const pair: [Socket, Socket] = [near, far];
    for (const [here, there] of [pair, [far, near]] as const) {
      here.on("error", () => there.destroy());
      here.on("close", () => {
        there.destroy();
        this.pairs.delete(pair);
      });
    }
    if (this.state === "cut") {
      near.destroy();
      far.destroy();
      return;
    }
    this.pairs.add(pair);
    if (this.state === "silent") return;
    near.pipe(far);
    far.pipe(near);
  }
}
