// What is said about a call in one line. Pure.

import type { LineState } from "../../shared/call";
import type { Desk } from "../desk";
import { nameOfTarget } from "../names";
import type { DeskTexts } from "./desktexts";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

type InCall = Extract<CallView, { at: "call" }>;

/** The state in a word or two; read aloud when it changes. */
export function stateOf(view: InCall, t: CallTexts): string {
  switch (view.here) {
    case "asking":
      return t.state.asking;
    case "interrupted":
    case "joining":
      return t.state.joining;
    case "elsewhere":
    case "gone":
    case "no-microphone":
      return t.state.talking;
    case "connected":
      if (view.call.state === "ringing") return t.state.rings;
      return view.call.state === "connected" ? t.state.talking : t.state.joining;
  }
}

/** What this agent is in the call, or why the customer is not there; "" when the two just talk. */
export function partOf(desk: Desk, view: InCall, t: DeskTexts): string {
  if (view.leg) return t.you[view.leg.role];
  const asked = view.call.legs?.find((l) => l.role === "consult");
  if (asked)
    return (asked.agent ? t.consulting : t.consultRings)(
      nameOfTarget(desk, asked.agent ? `agent/${asked.agent}` : asked.to),
    );
  return view.call.held_since ? t.held : "";
}

/** What is wrong, "" when nothing is. peer is how the customer's line stands. */
export function saidOf(view: InCall, line: LineState, peer: string, name: string, t: CallTexts): string {
  switch (view.here) {
    case "interrupted":
      return t.state.interrupted;
    case "elsewhere":
      return t.state.elsewhere;
    case "gone":
      return t.state.gone;
    case "no-microphone":
      return line.at === "over" && line.end.why === "microphone" ? t.trouble[line.end.trouble] : t.state.noMicrophone;
    case "asking":
      return t.asks;
    case "joining":
    case "connected":
      break;
  }
  if ("mic" in line && line.mic !== "on") return line.mic === "paused" ? t.micPaused : t.micLost;
  if (view.call.state === "ringing" || view.here !== "connected") return "";
  if (peer === "interrupted") return t.peerInterrupted(name);
  return peer === "absent" && view.call.state === "connected" ? t.peerAbsent(name) : "";
}
