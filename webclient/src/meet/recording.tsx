// Whether the meeting is recorded: a sign that stays as long as it is, and a guest's answer.

import type { MeetRecording } from "../shared/protocol";
import type { Meeting } from "./meeting";
import type { Texts } from "./texts/en";

export function Recording({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const sign = signOf(meeting, t);
  return (
    <div class="rec" data-state={sign?.state ?? ""} data-answer={sign?.answer} data-testid="meet-recording">
      <p role="status">{sign?.text}</p>
      {sign?.answers.map((a) => (
        <button
          key={a.text}
          type="button"
          class="act"
          data-testid={a.agreed ? "record-agree" : "record-refuse"}
          onClick={() => meeting.consent(a.agreed)}
        >
          {a.text}
        </button>
      ))}
    </div>
  );
}

export interface RecordingSign {
  state: MeetRecording["state"];
  /** A guest's who is asked; undefined: this page is not. */
  answer: "" | "agreed" | "refused" | undefined;
  text: string;
  answers: { agreed: boolean; text: string }[];
}

/** undefined: there is nothing to say. */
export function signOf(meeting: Pick<Meeting, "room" | "host">, t: Texts): RecordingSign | undefined {
  const r = meeting.room.value.recording;
  if (!r || r.state === "stopped" || (r.state === "failed" && !meeting.host)) return undefined;
  const { state } = r;
  const sign = { state, answer: undefined, answers: [] };
  if (state === "failed") return { ...sign, text: t.rec.failed };
  if (state === "notice" && meeting.room.value.people.length < 2) return { ...sign, text: t.rec.alone };
  const text = state === "on" ? t.rec.on : t.rec.notice;
  if (!r.ask) return { ...sign, text };
  const agree = (say: string) => ({ agreed: true, text: say });
  const refuse = (say: string) => ({ agreed: false, text: say });
  switch (r.answer) {
    case "agreed":
      return { ...sign, answer: "agreed", text, answers: [refuse(t.rec.withdraw)] };
    case "refused":
      return { ...sign, answer: "refused", text: `${text} ${t.rec.without}`, answers: [agree(t.rec.agreeNow)] };
    default:
      return {
        ...sign,
        answer: "",
        text: `${text} ${t.rec.ask}`,
        answers: [agree(t.rec.agree), refuse(t.rec.refuse)],
      };
  }
}

/** An agent's button in the bar; null: nothing may be recorded, or this is a guest. */
export function recordAct({ room, host }: Pick<Meeting, "room" | "host">): "record" | "record_stop" | null {
  const { recording: r, may_record } = room.value;
  if (!host) return null;
  if (r && (r.state === "notice" || r.state === "on")) return "record_stop";
  return may_record ? "record" : null;
}
