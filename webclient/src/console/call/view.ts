// What the agent's telephone shows: a call, the time to write it up, how a call came to nothing. Pure.

import type { LineState } from "../../shared/call";
import type { Call, CallLeg, CallRecord, Conversation } from "../../shared/protocol";

/** How this page stands to the call. */
export type Here =
  | "asking" // the browser asks for the microphone
  | "joining"
  | "connected"
  | "interrupted"
  | "elsewhere" // another tab or device has it, or nobody
  | "gone" // given up here; it can be tried again
  | "no-microphone";

export type CallView =
  | { at: "none" }
  | { at: "call"; conversation: Conversation; call: Call; leg: CallLeg | null; here: Here }
  | { at: "wrap-up"; conversation: Conversation; until: number }
  | { at: "over"; conversation: Conversation; record: CallRecord };

/** A call of which this agent is a side: who holds it, or the leg of who was asked in or supervises. */
export interface Mine {
  conversation: Conversation;
  call: Call;
  leg: CallLeg | null;
}

export function callOf(all: Iterable<Conversation>, agent: string): Mine | null {
  for (const conversation of all) {
    const { call } = conversation;
    if (!call || call.state === "waiting") continue;
    if (call.agent === agent) return { conversation, call, leg: null };
    const leg = legOf(call, agent);
    if (leg) return { conversation, call, leg };
  }
  return null;
}

export function wrapUpOf(all: Iterable<Conversation>, agent: string): Conversation | null {
  for (const c of all) if (c.state === "wrap-up" && c.agent === agent && c.wrap_up_until) return c;
  return null;
}

/** An agent is a side of a call, or calls somebody. */
export function inCall(all: Iterable<Conversation>, agent: string): boolean {
  return callOf(all, agent) !== null;
}

export function legOf(call: Call | null, agent: string): CallLeg | null {
  return call?.legs?.find((l) => l.agent === agent && agent !== "") ?? null;
}

/** The invitation into a colleague's call that rings at this agent. */
export function invitationOf(c: Conversation, agent: string): CallLeg | null {
  return c.call?.legs?.find((l) => l.agent === "" && l.offer?.agents?.includes(agent)) ?? null;
}

/** It is a call, waits, and rings at somebody else. */
export function ringsElsewhere(c: Conversation, agent: string): boolean {
  return isCalling(c) && c.state === "offered" && !(c.offer?.agents ?? []).includes(agent);
}

/** It rings here as calls ring. */
export function isCalling(c: Conversation): boolean {
  return c.call?.state === "waiting";
}

export function hereOf(line: LineState, call: string): Here | null {
  if (line.at === "idle" || line.call !== call) return "elsewhere";
  switch (line.at) {
    case "asking":
    case "joining":
    case "connected":
    case "interrupted":
    case "elsewhere":
      return line.at;
    case "over":
      if (line.end.why === "hung-up" || line.end.why === "ended") return null; // the gateway is about to say so
      return line.end.why === "microphone" ? "no-microphone" : "gone";
  }
}

export function viewOf(
  mine: Mine | null,
  line: LineState,
  wrapUp: Conversation | null,
  over: { conversation: Conversation; record: CallRecord } | null,
): CallView {
  const here = mine && hereOf(line, mine.call.id);
  if (mine && here) return { at: "call", ...mine, here };
  if (wrapUp?.wrap_up_until) return { at: "wrap-up", conversation: wrapUp, until: Date.parse(wrapUp.wrap_up_until) };
  return over ? { at: "over", ...over } : { at: "none" };
}

/** Since when the two talk, or the line is awaited; the gateway's time. */
export function sinceOf(call: Call): number {
  return Date.parse(call.connected_at ?? call.since);
}
