// What is said about a call in one line. Pure.

import type { LineState } from "../../shared/call";
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
