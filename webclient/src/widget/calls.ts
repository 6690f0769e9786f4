// The small part of calls that every chat has: when the big part is loaded, and what it looks like from outside.

import type { ComponentChildren } from "preact";
import type { CallAnswer, CallPeer } from "../shared/protocol";

/** Calls, once loaded. They read the chat's status and connection by themselves. */
export interface Calls {
  /** Status, connection or history are not what they were. */
  changed(): void;
  heard(f: ({ t: "call.answer" } & CallAnswer) | ({ t: "call.peer" } & CallPeer)): void;
  /** Calls the company. To be called in a click. */
  dial(): void;
  /** What the head shows of a call; undefined: there is none. */
  view(): ComponentChildren;
  /** What the launcher shows: how long it has lasted; "" when there is none. */
  badge: string;
}
