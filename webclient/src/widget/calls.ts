// The small part of calls that every chat has: when the big part is loaded, and what it looks like from outside.

import type { ComponentChildren } from "preact";
import type { MicTrouble } from "../shared/call";
import type { CallAnswer, CallPeer } from "../shared/protocol";
import type { Chat } from "./chat";
import type { Kit } from "./late";
import type { Rung } from "./own/ladder";

/** Calls, once loaded. They read the chat's status and connection by themselves. */
export interface Calls {
  /** Status, connection or history are not what they were. */
  changed(): void;
  heard(f: ({ t: "call.answer" } & CallAnswer) | ({ t: "call.peer" } & CallPeer)): void;
  /** Calls the company. To be called in a click. */
  dial(): void;
  /** Leaves a voice message, asks to be called back, or checks whether a call works. To be called in a click. */
  leave(way: "voice" | "back" | "check"): void;
  /** What the head shows of a call; undefined: there is none. */
  view(): ComponentChildren;
  /** What the launcher shows: how long it has lasted; "" when there is none. */
  badge: string;
}

/** A way other than a call, in place of it. */
export interface Panel {
  view(): ComponentChildren;
  /** It is not looked at any more; what is not finished ends. */
  close(): void;
}

export interface PanelOptions {
  chat: Chat;
  kit: Kit;
  language(): string;
  microphone(): Promise<MediaStream>;
  trouble(error: unknown): MicTrouble;
  limits: { voiceMS: number; voicePiece: number };
  changed(): void;
  /** Takes another way. */
  go(rung: Rung): void;
  /** Hears the answer to the offer of a line that is none of the call's. */
  ask(call: string, answered: (a: CallAnswer) => void): void;
  /** Goes back to where it was opened. */
  done(): void;
  /** Writes instead. */
  write(): void;
  /** The place in line is kept without the line. */
  kept(): void;
}
