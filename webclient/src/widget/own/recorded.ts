// Whether the call is recorded, as the customer reads it, and what they can answer.

import type { RecordingState, VisitorCall } from "../../shared/protocol";

export interface Recorded {
  state: RecordingState;
  text: string;
  /** What a click says; none: there is nothing to answer. */
  answers: { agreed: boolean; text: string }[];
}

export const en = {
  recorded: "This call is being recorded.",
  mayRecord: "May we record this call?",
  notRecorded: "This call is not being recorded.",
  agree: "Yes, record it",
  refuse: "No",
  agreeNow: "Allow recording",
  withdraw: "Stop recording",
};

export const de: typeof en = {
  recorded: "Dieses Gespräch wird aufgezeichnet.",
  mayRecord: "Dürfen wir dieses Gespräch aufzeichnen?",
  notRecorded: "Dieses Gespräch wird nicht aufgezeichnet.",
  agree: "Ja, aufzeichnen",
  refuse: "Nein",
  agreeNow: "Aufzeichnung erlauben",
  withdraw: "Aufzeichnung beenden",
};

/** undefined: it is not, and nobody wants to. */
export function recordedOf({ recording: state, agreed }: VisitorCall, t: typeof en): Recorded | undefined {
  switch (state) {
    case "asked":
      return {
        state,
        text: t.mayRecord,
        answers: [
          { agreed: true, text: t.agree },
          { agreed: false, text: t.refuse },
        ],
      };
    case "refused":
      return { state, text: t.notRecorded, answers: [{ agreed: true, text: t.agreeNow }] };
    case "notice":
    case "on":
      return { state, text: t.recorded, answers: agreed ? [{ agreed: false, text: t.withdraw }] : [] };
    case "stopped":
    case "failed":
      return { state, text: t.notRecorded, answers: [] };
    default:
      return undefined;
  }
}
