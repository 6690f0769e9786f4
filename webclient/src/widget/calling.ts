// A customer's call: puts together what the gateway says of it and how this page's line is. Widget and Talk page
// show the same phases, each in its own way.

import { type CallLine, type LineEnd, type LineState, newCallID } from "../shared/call";
import type { CallAnswer, VisitorCall } from "../shared/protocol";
import type { Calls } from "./calls";
import type { Chat } from "./chat";

/** Where a call is, as the customer sees it. */
export type Phase =
  | { is: "none" }
  | { is: "ringing"; agent: string } // somebody of the company calls
  | { is: "away" } // there is a call, but not on this page: after a reload, in another tab
  | { is: "asking" } // the browser asks for the microphone
  | { is: "joining" }
  | { is: "waiting" } // in line, with music
  | { is: "answered"; agent: string } // taken, the sides are being joined
  | { is: "talking"; agent: string; since: number; with: string; broken: boolean } // with: who else; broken: the other side's line
  | { is: "held"; agent: string } // with music
  | { is: "interrupted" }
  | { is: "failed"; end: LineEnd }; // until dismissed or tried again

export function phaseOf(line: LineState, call: VisitorCall | undefined, peer: string, ahead: number): Phase {
  switch (line.at) {
    case "asking":
    case "joining":
    case "interrupted":
      return { is: line.at };
    case "connected":
      return call?.id === line.call ? joined(call, peer, ahead) : { is: "joining" };
    case "elsewhere":
      return { is: "away" };
    case "over":
      if (!quiet(line.end)) return { is: "failed", end: line.end };
      if (call?.id === line.call && line.end.why === "hung-up") return { is: "none" }; // the gateway has yet to say so
  }
  if (!call) return { is: "none" };
  return call.state === "ringing" ? { is: "ringing", agent: call.agent ?? "" } : { is: "away" };
}

/** An end of which nothing needs to be said. */
function quiet(end: LineEnd): boolean {
  return end.why === "hung-up" || end.why === "ended";
}

function joined(call: VisitorCall, peer: string, ahead: number): Phase {
  const agent = call.agent ?? "";
  switch (call.state) {
    case "waiting":
      return { is: "waiting" };
    case "connected":
      if (call.held) return { is: "held", agent };
      return {
        is: "talking",
        agent,
        with: call.with ?? "",
        since: Date.parse(call.since) - ahead,
        broken: peer === "interrupted",
      };
    default:
      return { is: "answered", agent };
  }
}

export interface CallingOptions {
  chat: Chat;
  line(chat: Chat, changed: () => void): CallLine;
  /** Rings until the returned function is called. */
  ring(agent: string): () => void;
  /** A short tone: somebody has come into the call, or left it. */
  chime?(came: boolean): void;
  /** Brings the call before the customer's eyes. */
  show(): void;
  changed(): void;
}

export class Calling implements Omit<Calls, "view" | "leave"> {
  readonly line: CallLine;
  phase: Phase = { is: "none" };
  /** How the other side is reached. */
  #peer = "";
  /** There was a socket when it was last looked at. */
  #online: boolean;
  #silence: (() => void) | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;

  readonly #o: CallingOptions;

  constructor(o: CallingOptions) {
    this.#o = o;
    this.line = o.line(o.chat, () => this.changed());
    this.#online = o.chat.ready;
    if (!this.#online) this.line.socketDown();
    this.changed();
  }

  get #call(): VisitorCall | undefined {
    return this.#o.chat.status?.call;
  }

  dial(): void {
    this.#o.chat.talk.begin();
    this.line.dial(newCallID());
  }

  /** Answers the call that rings, comes back to the one under way, or tries anew after a failure. */
  again(): void {
    if (this.#call) this.line.dial(this.#call.id);
    else this.dial();
  }

  decline(): void {
    const call = this.#call;
    if (call) this.#o.chat.line.send({ t: "call.hangup", call: call.id });
  }

  /** What failed has been read. */
  dismiss(): void {
    this.line.dispose();
  }

  /** Hears answers too, for lines that are no call's. */
  also: ((a: CallAnswer) => void) | undefined;

  heard(f: Parameters<Calls["heard"]>[0]): void {
    if (f.t === "call.answer") {
      this.line.answered(f);
      this.also?.(f);
    } else if (f.call === this.#call?.id) {
      this.#peer = f.state;
      if (f.again) this.line.socketUp(f.call);
    }
    this.changed();
  }

  changed(): void {
    if (!this.line) return; // still being made
    const { chat } = this.#o;
    if (chat.ready !== this.#online) {
      this.#online = chat.ready;
      if (chat.ready) this.line.socketUp(this.#call?.id ?? "");
      else this.line.socketDown();
    } else if (chat.ready) this.line.told(this.#call?.id ?? "");
    this.#turn(phaseOf(this.line.state, this.#call, this.#peer, chat.ahead));
  }

  /** "2:47"; "" when nobody talks. */
  get badge(): string {
    return this.phase.is === "talking" ? clock(Date.now() - this.phase.since) : "";
  }

  /** Ends everything: the page goes away. */
  dispose(): void {
    this.line.dispose();
    this.#turn({ is: "none" });
  }

  #turn(next: Phase): void {
    const before = this.phase.is;
    if (this.phase.is === "talking" && next.is === "talking" && this.phase.with !== next.with) {
      this.#o.chime?.(next.with.length > this.phase.with.length);
    }
    this.phase = next;
    if (before !== next.is) {
      this.#silence?.();
      this.#silence = next.is === "ringing" ? this.#o.ring(next.agent) : undefined;
      if (next.is === "ringing") this.#o.show();
      clearInterval(this.#beat);
      if (next.is === "talking") this.#beat = setInterval(this.#o.changed, 1000); // the clock
    }
    this.#o.changed();
  }
}

/** Minutes and seconds. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
