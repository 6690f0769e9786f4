import type { Composing } from "./composing";
import { channelIcon, Icon } from "./icons";
import type { Texts } from "./texts";

interface Props {
  composing: Composing;
  channel: string;
  /** Until when it can be answered here. */
  until: string;
  t: Texts;
}

/** Reply or note, and by which way it goes. */
export function Modes({ composing, channel, until, t }: Props) {
  const note = composing.mode.value === "note";
  return (
    <div class="th-modes">
      <button
        type="button"
        class="th-mode"
        aria-pressed={!note}
        aria-keyshortcuts="R"
        onClick={() => composing.open("reply")}
        data-testid="reply-tab"
      >
        {t.reply}
      </button>
      <button
        type="button"
        class="th-mode"
        aria-pressed={note}
        aria-keyshortcuts="N"
        onClick={() => composing.open("note")}
        data-testid="note-tab"
      >
        {t.internal}
      </button>
      <span class="th-via">
        <Icon name={note ? "lock" : channelIcon(channel)} size={14} />
        <span>{note ? t.noteHint : [t.via(t.channels[channel] ?? channel), until].filter(Boolean).join(" · ")}</span>
      </span>
    </div>
  );
}
