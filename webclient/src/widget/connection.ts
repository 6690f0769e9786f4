// The widget's line to a gateway: several gateways are raced, the first that welcomes us is kept, and when it
// falls silent the race begins again.
//
//   idle → connecting → online → waiting → connecting …      refused and outdated are ends
//
// What the frames mean is not its business. Silence is found by pings, because a line can die without a word.
// Every retry has full jitter, so that a gateway that comes back is not met by all pages at once.

import {
  CLOSE_FORBIDDEN,
  CLOSE_PROTOCOL,
  CLOSE_RESTARTING,
  CLOSE_SLOW,
  CLOSE_UNAUTHORIZED,
  PING_EVERY_MS,
  type VisitorClientFrame,
  type VisitorServerFrame,
} from "../shared/protocol";

/** The part of WebSocket that is used. */
export interface Line {
  onopen: (() => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number }) => void) | null;
  send(data: string): void;
  close(): void;
}

/** refused: this website may not show the chat. outdated: this page is older than the gateway. */
export type LineState = "idle" | "connecting" | "online" | "waiting" | "refused" | "outdated";

export interface ConnectionOptions {
  /** The gateways, best first: "https://contact.example.org". */
  bases: string[];
  dial(url: string): Line;
  hello(): VisitorClientFrame;
  frame(f: VisitorServerFrame): void;
  changed(state: LineState): void;
  /** The gateway does not know our token: drop it. */
  forget(): void;
  /** Nobody looks, or an upload fills the line: be patient. */
  patient(): boolean;
  random?: () => number;
  now?: () => number;
}

const STAGGER_MS = 250;
const WELCOME_MS = 8000;
const PING_MS = 5000;
const SILENCE_MS = 3000;
const PATIENT_MS = 12000;
const STEADY_MS = 5000;
const RESUME_MS = 300;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 8000;

type Timer = ReturnType<typeof setTimeout> | undefined;

interface Try {
  line: Line;
  base: string;
  limit: Timer;
}

export class Connection {
  state: LineState = "idle";
  /** Pings that have no pong yet. */
  unanswered = 0;
  #order: string[];
  readonly #blocked = new Map<string, LineState>();
  #left: string[] = [];
  readonly #tries = new Set<Try>();
  #current: Try | undefined;
  #attempt = 0;
  #since = 0;
  #comeBack = -1;
  #stagger: Timer;
  #retry: Timer;
  #pulse: Timer;
  #death: Timer;
  readonly #random: () => number;
  readonly #now: () => number;

  readonly #o: ConnectionOptions;

  constructor(o: ConnectionOptions) {
    this.#o = o;
    this.#order = [...o.bases];
    this.#random = o.random ?? Math.random;
    this.#now = o.now ?? Date.now;
  }

  /** The gateway we talk to, or would try first. */
  get base(): string {
    return this.#current?.base ?? this.#order[0] ?? "";
  }

  start(): void {
    if (this.state === "idle") this.#connect();
  }

  stop(): void {
    this.#drop();
    this.#to("idle");
  }

  /** Reports whether the frame was handed to a living line; that does not mean it arrived. */
  send(f: VisitorClientFrame): boolean {
    this.#current?.line.send(JSON.stringify(f));
    return this.#current !== undefined;
  }

  /** Something has changed (the page is seen again, the network is back): find out now. */
  probe(changed: boolean): void {
    if (this.state === "waiting" || (changed && this.state === "connecting")) this.#connect();
    else if (!this.unanswered) this.ping();
  }

  ping(): void {
    if (!this.send({ t: "ping" })) return;
    this.unanswered++;
    clearTimeout(this.#death);
    const patience = this.#o.patient() ? PATIENT_MS : SILENCE_MS;
    this.#death = setTimeout(() => this.#current && this.#end(this.#current, 0), patience);
    this.#beat();
  }

  #beat(): void {
    clearTimeout(this.#pulse);
    this.#pulse = setTimeout(() => this.ping(), this.#o.patient() ? PING_EVERY_MS : PING_MS);
  }

  #connect(): void {
    this.#drop();
    this.#left = this.#order.filter((base) => !this.#blocked.has(base));
    this.#to("connecting");
    this.#next();
  }

  /** Tries the next gateway; after a pause the one behind it, unless this one has answered. */
  #next(): void {
    clearTimeout(this.#stagger);
    const base = this.#left.shift();
    if (base === undefined) {
      if (!this.#tries.size) this.#later();
      return;
    }
    const line = this.#o.dial(`${base.replace(/^http/, "ws")}/ws/visitor`);
    const t: Try = { line, base, limit: setTimeout(() => this.#end(t, 0), WELCOME_MS) };
    this.#tries.add(t);
    this.#stagger = setTimeout(() => this.#next(), STAGGER_MS);
    line.onopen = () => line.send(JSON.stringify(this.#o.hello()));
    line.onmessage = (e) => this.#heard(t, e.data);
    line.onclose = (e) => this.#end(t, e.code);
  }

  #heard(t: Try, data: unknown): void {
    const f = parse(data);
    if (!f) return;
    if (t !== this.#current) {
      if (f.t !== "welcome") return;
      this.#win(t);
    }
    clearTimeout(this.#death);
    if (f.t === "pong") this.unanswered = Math.max(0, this.unanswered - 1);
    if (f.t === "bye") this.#comeBack = f.retry_ms;
    this.#o.frame(f);
  }

  #win(t: Try): void {
    this.#tries.delete(t);
    this.#drop();
    clearTimeout(t.limit);
    this.#current = t;
    this.#order = [t.base, ...this.#order.filter((base) => base !== t.base)];
    this.#since = this.#now();
    this.#to("online");
    this.#beat();
  }

  /** A line has ended, or is given up (code 0). */
  #end(t: Try, code: number): void {
    discard(t);
    if (code === CLOSE_FORBIDDEN) this.#blocked.set(t.base, "refused");
    if (code === CLOSE_PROTOCOL) this.#blocked.set(t.base, "outdated");
    if (code === CLOSE_UNAUTHORIZED) {
      this.#o.forget();
      this.#connect(); // without a token nobody says this again
    } else if (this.#tries.delete(t)) this.#next();
    else if (t === this.#current) this.#lose(t, code);
  }

  #lose(t: Try, code: number): void {
    const others = this.#order.filter((base) => base !== t.base);
    this.#order = [...others, t.base];
    if (this.#now() - this.#since > STEADY_MS) this.#attempt = 0;
    this.#drop();
    const resume = code === CLOSE_SLOW || code === CLOSE_RESTARTING;
    if (resume && this.#comeBack >= 0 && !others.length) this.#later(this.#comeBack);
    else this.#later(resume && !this.#attempt ? this.#random() * RESUME_MS : -1);
    this.#comeBack = -1;
  }

  #later(wait = -1): void {
    if (this.#blocked.size === this.#order.length) {
      this.#to([...this.#blocked.values()].pop() ?? "refused");
      return;
    }
    const most = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#attempt++, 10));
    this.#retry = setTimeout(() => this.#connect(), wait < 0 ? this.#random() * most : wait);
    this.#to("waiting");
  }

  #drop(): void {
    for (const timer of [this.#stagger, this.#retry, this.#pulse, this.#death]) clearTimeout(timer);
    for (const t of this.#tries) discard(t);
    this.#tries.clear();
    if (this.#current) discard(this.#current);
    this.#current = undefined;
    this.unanswered = 0;
  }

  #to(state: LineState): void {
    if (this.state === state) return;
    this.state = state;
    this.#o.changed(state);
  }
}

function discard(t: Try): void {
  clearTimeout(t.limit);
  t.line.onopen = t.line.onmessage = t.line.onclose = null;
  t.line.close();
}

/** Frames come from our gateway, but a proxy may put anything in between. */
function parse(data: unknown): VisitorServerFrame | undefined {
  try {
    const f = JSON.parse(String(data)) as VisitorServerFrame | null;
    return typeof f?.t === "string" ? f : undefined;
  } catch {
    return undefined;
  }
}
