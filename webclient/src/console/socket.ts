// The console's socket: one connection, kept up. It says hello, pings, notices silence, and comes back.
//
//   stopped → connecting → online → waiting → connecting …
//
// What the frames mean is not its business; the store reads them.

import { signal } from "@preact/signals-core";
import {
  CLOSE_FORBIDDEN,
  CLOSE_REPLACED,
  CLOSE_UNAUTHORIZED,
  type ConsoleClientFrame,
  type ConsoleServerFrame,
  PING_EVERY_MS,
} from "../shared/protocol";
import { backoff } from "./backoff";
import { isFields, parse } from "./guard";

export type SocketState = "stopped" | "connecting" | "online" | "waiting";

/** The part of WebSocket that is used. */
export interface Line {
  onopen: (() => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number }) => void) | null;
  send(data: string): void;
  close(): void;
}

export interface SocketOptions {
  open(): Line;
  /** Makes the first frame of a connection. */
  hello(): ConsoleClientFrame;
  frame(f: ConsoleServerFrame): void;
  /** The connection was lost, or never came about. */
  lost(): void;
  /** The session is over: sign in again. */
  signedOut(): void;
  random?: () => number;
  now?: () => number;
}

export class ConsoleSocket {
  readonly state = signal<SocketState>("stopped");
  private line: Line | null = null;
  private attempt = 0;
  private retryIn = -1;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private beat: ReturnType<typeof setInterval> | undefined;
  private pinged = 0;
  private heard = 0;

  constructor(private readonly o: SocketOptions) {}

  start(): void {
    if (this.state.value === "stopped") this.connect();
  }

  stop(): void {
    this.drop();
    this.state.value = "stopped";
  }

  /** Tries at once if it was waiting; asks for a sign of life if it seems online. */
  nudge(): void {
    if (this.state.value === "waiting") this.connect();
    else if (this.state.value === "online") this.ping();
  }

  send(f: ConsoleClientFrame): boolean {
    if (this.state.value !== "online" || !this.line) return false;
    this.line.send(JSON.stringify(f));
    return true;
  }

  private now(): number {
    return this.o.now ? this.o.now() : Date.now();
  }

  private connect(): void {
    this.drop();
    this.state.value = "connecting";
    const line = this.o.open();
    this.line = line;
    this.heard = this.pinged = this.now();
    line.onopen = () => {
      if (this.line !== line) return;
      this.state.value = "online";
      line.send(JSON.stringify(this.o.hello()));
    };
    line.onmessage = (e) => {
      if (this.line === line) this.receive(e.data);
    };
    line.onclose = (e) => {
      if (this.line === line) this.closed(e.code);
    };
    this.beat = setInterval(() => this.tick(), PING_EVERY_MS / 3);
  }

  private receive(data: unknown): void {
    this.heard = this.now();
    const f = typeof data === "string" ? parse(data) : undefined;
    if (!isFields(f) || typeof f.t !== "string") return;
    if (f.t === "ready") this.attempt = 0;
    if (f.t === "bye" && typeof f.retry_ms === "number") this.retryIn = f.retry_ms;
    this.o.frame(f as unknown as ConsoleServerFrame);
    // Browsers slow the timers of hidden pages down; frames come on time, so they keep the heart beating.
    this.tick();
  }

  private tick(): void {
    if (this.state.value === "connecting" && this.now() - this.heard > PING_EVERY_MS) {
      this.closed(0);
      return;
    }
    if (this.state.value !== "online" || this.now() - this.pinged < PING_EVERY_MS) return;
    if (this.heard < this.pinged) {
      this.closed(0); // the last ping was not answered
      return;
    }
    this.ping();
  }

  private ping(): void {
    this.pinged = this.now();
    this.send({ t: "ping" });
  }

  private closed(code: number): void {
    this.drop();
    this.o.lost();
    if (code === CLOSE_UNAUTHORIZED || code === CLOSE_REPLACED || code === CLOSE_FORBIDDEN) {
      this.state.value = "stopped";
      this.o.signedOut();
      return;
    }
    this.state.value = "waiting";
    const random = this.o.random ? this.o.random() : Math.random();
    const wait = this.retryIn >= 0 ? this.retryIn : backoff(this.attempt++, random);
    this.retryIn = -1;
    this.retry = setTimeout(() => this.connect(), wait);
  }

  private drop(): void {
    clearTimeout(this.retry);
    clearInterval(this.beat);
    const line = this.line;
    this.line = null;
    if (line) line.close();
  }
}
