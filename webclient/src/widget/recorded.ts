// Whether the call is recorded, as the customer reads it, and what they can answer.

import type { RecordingState, VisitorCall } from "../shared/protocol";
import type { CallTexts } from "./texts/call-en";

export interface Recorded {
  state: RecordingState;
  text: string;
  /** What a click says; none: there is nothing to answer. */
  answers: { agreed: boolean; text: string }[];
}

/** undefined: it is not, and nobody wants to. */
export function recordedOf(call: VisitorCall | undefined, t: CallTexts): Recorded | undefined {
  const state = call?.recording;
  if (!call || !state || call.state === "ringing") return undefined;
  const yes = { agreed: true, text: t.agree };
  const no = { agreed: false, text: t.refuse };
  switch (state) {
    case "asked":
      return { state, text: t.mayRecord, answers: [yes, no] };
    case "refused":
      return { state, text: t.notRecorded, answers: [{ agreed: true, text: t.agreeNow }] };
    case "notice":
    case "on":
      return { state, text: t.recorded, answers: call.agreed ? [{ agreed: false, text: t.withdraw }] : [] };
    case "stopped":
    case "failed":
      return { state, text: t.notRecorded, answers: [] };
  }
}
