// The meeting's socket: one connection, kept up. It says hello, pings, notices silence, and comes back. What the
// frames mean is not its business.

import {
  CLOSE_FORBIDDEN,
  CLOSE_PROTOCOL,
  CLOSE_UNAUTHORIZED,
  type MeetClientFrame,
  type MeetServerFrame,
  PING_EVERY_MS,
} from "../shared/protocol";

const FIRST_MS = 250;
const MOST_MS = 5000;

/** The part of WebSocket that is used. */
export interface Wire {
  onopen: (() => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number }) => void) | null;
  send(data: string): void;
  close(): void;
}

/** Why the gateway does not want this page back. */
export type Refusal = "gone" | "signin" | "outdated";

const REFUSALS: Record<number, Refusal> = {
  [CLOSE_FORBIDDEN]: "gone",
  [CLOSE_UNAUTHORIZED]: "signin",
  [CLOSE_PROTOCOL]: "outdated",
};

export interface SocketOptions {
  open(): Wire;
  hello(): MeetClientFrame;
  frame(f: MeetServerFrame): void;
  /** The connection was lost, or never came about; it is tried again. */
  lost(): void;
  refused(why: Refusal): void;
}

export class MeetSocket {
  #wire: Wire | undefined;
  #up = false;
  #tries = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #pinged = 0;
  #heard = 0;
  #comeIn = -1;
  readonly #o: SocketOptions;

  constructor(o: SocketOptions) {
    this.#o = o;
  }

  start(): void {
    this.stop();
    const wire = this.#o.open();
    this.#wire = wire;
    this.#heard = this.#pinged = Date.now();
    wire.onopen = () => {
      if (this.#wire !== wire) return;
      this.#up = true;
      this.send(this.#o.hello());
    };
    wire.onmessage = (e) => {
      if (this.#wire === wire) this.#receive(e.data);
    };
    wire.onclose = (e) => {
      if (this.#wire === wire) this.#closed(e.code);
    };
    this.#beat = setInterval(() => this.#look(), PING_EVERY_MS / 3);
  }

  stop(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#beat);
    const wire = this.#wire;
    this.#wire = undefined;
    this.#up = false;
    if (wire) {
      wire.onopen = wire.onmessage = wire.onclose = null;
      wire.close();
    }
  }

  /** Asks for a sign of life, or tries at once if it was waiting. */
  nudge(): void {
    if (!this.#wire) return;
    if (this.#up) this.#ping();
    else if (Date.now() - this.#heard > FIRST_MS) this.start();
  }

  send(f: MeetClientFrame): boolean {
    if (!this.#up || !this.#wire) return false;
    this.#wire.send(JSON.stringify(f));
    return true;
  }

  #receive(data: unknown): void {
    this.#heard = Date.now();
    let f: unknown;
    try {
      f = JSON.parse(String(data));
    } catch {
      return;
    }
    if (typeof f !== "object" || f === null || !("t" in f)) return;
    const frame = f as MeetServerFrame;
    if (frame.t === "welcome") this.#tries = 0;
    if (frame.t === "bye") this.#comeIn = frame.retry_ms;
    this.#o.frame(frame);
  }

  #look(): void {
    const now = Date.now();
    if (!this.#up) {
      if (now - this.#heard > PING_EVERY_MS) this.#closed(0); // never opened
      return;
    }
    if (now - this.#pinged < PING_EVERY_MS) return;
    if (this.#heard < this.#pinged)
      this.#closed(0); // the last ping was not answered
    else this.#ping();
  }

  #ping(): void {
    this.#pinged = Date.now();
    this.send({ t: "ping" });
  }

  #closed(code: number): void {
    this.stop();
    const why = REFUSALS[code];
    if (why) {
      this.#o.refused(why);
      return;
    }
    this.#o.lost();
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.#tries++, 8));
    const wait = this.#comeIn >= 0 ? this.#comeIn : Math.round(Math.random() * most);
    this.#comeIn = -1;
    this.#retry = setTimeout(() => this.start(), wait);
  }
}
