import { eventText, type Names } from "./events";
import { clock, dayName, moment } from "./format";
import type { MessageRow, Row } from "./rows";
import type { Texts } from "./texts";

interface Props {
  row: Exclude<Row, MessageRow | { kind: "call" } | { kind: "meeting" }>;
  t: Texts;
  now: number;
  names: Names;
}

/** What nobody wrote: a new day, where the unread begins, what happened to the conversation. */
export function Quiet({ row, t, now, names }: Props) {
  switch (row.kind) {
    case "day":
      return <div class="th-day">{dayName(row.time, now, t.language, t.today, t.yesterday)}</div>;
    case "unread":
      return <div class="th-unread">{t.unreadFrom}</div>;
    case "events":
      return <Events row={row} t={t} names={names} />;
  }
}

function Events({ row, t, names }: { row: Extract<Row, { kind: "events" }>; t: Texts; names: Names }) {
  const first = row.items[0];
  if (!first) return null;
  return (
    <div class="th-events" data-testid="message" data-kind="event" data-direction="" data-delivery="">
      <span>
        <time dateTime={first.time} title={moment(first.time, t.language)}>
          {clock(first.time, t.language)}
        </time>
        {row.items.map((it) => (
          <span key={it.id} data-event={it.event ?? ""}>
            {" · "}
            {eventText(it, t.language, names)}
          </span>
        ))}
      </span>
    </div>
  );
}
