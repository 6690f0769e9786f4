// The widget's line to a gateway: several gateways are raced, the first that welcomes us is kept, and when it
// falls silent the race begins again.
//
//   idle → connecting → online → waiting → connecting …      refused and outdated are ends
//
// What the frames mean is not its business. Silence is found by pings, because a line can die without a word.
// Every retry has full jitter, so that a gateway that comes back is not met by all pages at once.

import {
  type Bye,
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
}

export interface Connection {
  state(): LineState;
  /** The gateway we talk to, or would try first. */
  base(): string;
  /** Whether each ping has its pong. */
  answered(): boolean;
  start(): void;
  stop(): void;
  /** Reports whether the frame was handed to a living line; that does not mean it arrived. */
  send(f: VisitorClientFrame): boolean;
  ping(): void;
  /** The page is seen again, or the network has changed: find out now. */
  probe(changed: boolean): void;
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

interface Try {
  line: Line;
  base: string;
  limit: ReturnType<typeof setTimeout>;
}

export function connection(o: ConnectionOptions): Connection {
  let state: LineState = "idle";
  let order = [...o.bases];
  let left: string[] = [];
  let current: Try | undefined;
  let unanswered = 0;
  let attempt = 0;
  let since = 0;
  let bye: Bye | undefined;
  let stagger = 0;
  let retry = 0;
  let pulse = 0;
  let death = 0;
  const blocked = new Map<string, LineState>();
  const tries = new Set<Try>();
  // A number in browsers, an object in Node; it is only ever handed back.
  const after = (ms: number, what: () => void) => setTimeout(what, ms) as unknown as number;

  const to = (next: LineState): void => {
    if (state === next) return;
    state = next;
    o.changed(state);
  };

  const drop = (): void => {
    for (const timer of [stagger, retry, pulse, death]) clearTimeout(timer);
    for (const t of tries) discard(t);
    tries.clear();
    if (current) discard(current);
    current = undefined;
    unanswered = 0;
  };

  const connect = (): void => {
    drop();
    left = order.filter((base) => !blocked.has(base));
    to("connecting");
    next();
  };

  /** Tries the next gateway; after a pause the one behind it, unless this one has answered. */
  const next = (): void => {
    clearTimeout(stagger);
    const base = left.shift();
    if (base === undefined) {
      if (!tries.size) later();
      return;
    }
    const line = o.dial(`${base.replace(/^http/, "ws")}/ws/visitor`);
    const t: Try = { line, base, limit: setTimeout(() => end(t, 0), WELCOME_MS) };
    tries.add(t);
    stagger = after(STAGGER_MS, next);
    line.onopen = () => line.send(JSON.stringify(o.hello()));
    line.onmessage = (e) => heard(t, parse(e.data));
    line.onclose = (e) => end(t, e.code);
  };

  const heard = (t: Try, f: VisitorServerFrame | undefined): void => {
    if (!f) return;
    if (t !== current) {
      if (f.t !== "welcome") return;
      win(t);
    }
    clearTimeout(death);
    if (f.t === "pong") unanswered--;
    if (f.t === "bye") bye = f;
    o.frame(f);
  };

  const win = (t: Try): void => {
    tries.delete(t);
    drop();
    clearTimeout(t.limit);
    current = t;
    order = [t.base, ...others(t)];
    since = Date.now();
    to("online");
    beat();
  };

  const others = (t: Try): string[] => order.filter((base) => base !== t.base);

  /** A line has ended, or is given up (code 0). */
  const end = (t: Try, code: number): void => {
    discard(t);
    if (code === CLOSE_FORBIDDEN) blocked.set(t.base, "refused");
    if (code === CLOSE_PROTOCOL) blocked.set(t.base, "outdated");
    if (code === CLOSE_UNAUTHORIZED) {
      o.forget();
      connect(); // without a token nobody says this again
    } else if (tries.delete(t)) next();
    else if (t === current) lose(t, code);
  };

  const lose = (t: Try, code: number): void => {
    const rest = bye?.stay ? [] : others(t);
    if (!bye?.stay) order = [...rest, t.base];
    if (Date.now() - since > STEADY_MS) attempt = 0;
    drop();
    const resume = code === CLOSE_SLOW || code === CLOSE_RESTARTING;
    if (resume && bye && !rest.length) later(bye.retry_ms);
    else later(resume && !attempt ? Math.random() * RESUME_MS : -1);
    bye = undefined;
  };

  const later = (wait = -1): void => {
    if (blocked.size === order.length) {
      to([...blocked.values()].pop() ?? "refused");
      return;
    }
    const most = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt++, 10));
    retry = after(wait < 0 ? Math.random() * most : wait, connect);
    to("waiting");
  };

  const send = (f: VisitorClientFrame): boolean => {
    current?.line.send(JSON.stringify(f));
    return current !== undefined;
  };

  const ping = (): void => {
    if (!send({ t: "ping" })) return;
    unanswered++;
    clearTimeout(death);
    death = after(o.patient() ? PATIENT_MS : SILENCE_MS, () => current && end(current, 0));
    beat();
  };

  const beat = (): void => {
    clearTimeout(pulse);
    pulse = after(o.patient() ? PING_EVERY_MS : PING_MS, ping);
  };

  return {
    state: () => state,
    base: () => current?.base ?? order[0] ?? "",
    answered: () => unanswered <= 0,
    send,
    ping,
    start() {
      if (state === "idle") connect();
    },
    stop() {
      drop();
      to("idle");
    },
    probe(changed) {
      if (state === "waiting" || (changed && state === "connecting")) connect();
      else if (unanswered <= 0) ping();
    },
  };
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
