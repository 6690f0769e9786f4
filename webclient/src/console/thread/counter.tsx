import { MAX_TEXT_RUNES } from "../../shared/protocol";
import { textLimit } from "../rules";
import { segmentsOf } from "../segments";
import type { Texts } from "./texts";

interface Props {
  channel: string;
  /** What would be sent. */
  text: string;
  note: boolean;
  t: Texts;
}

/** How many characters a text has beyond what the gateway takes; 0 when it fits. */
export function overOf(text: string): number {
  return text.length <= MAX_TEXT_RUNES ? 0 : Math.max(0, [...text].length - MAX_TEXT_RUNES);
}

/** What the length of the text means on this channel. */
export function Counter({ channel, text, note, t }: Props) {
  const over = overOf(text);
  if (over > 0) return <span class="th-counter th-counter-over">{t.tooLong(over)}</span>;
  if (note || text === "") return null;
  if (channel === "sms") {
    const s = segmentsOf(text);
    const unicode = s.encoding === "UCS-2";
    return (
      <span class="th-counter" title={unicode ? `${t.segmentsUnicode}. ${t.segmentsCost}.` : `${t.segmentsCost}.`}>
        {t.segments(s.parts, s.left)}
        {unicode && <b> · Unicode</b>}
        {s.parts > 1 && ` · ${t.segmentsCost}`}
      </span>
    );
  }
  const limit = textLimit(channel);
  const parts = text.length <= limit ? 1 : Math.ceil([...text].length / limit);
  return parts > 1 ? <span class="th-counter">{t.splits(parts)}</span> : null;
}
