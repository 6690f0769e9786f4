// What the page shows: the green room, the door, the meeting, or why there is none.

import { Frame } from "./frame";
import { Green } from "./green";
import { Level } from "./level";
import type { Meeting } from "./meeting";
import { Stage } from "./stage";
import type { Texts } from "./texts/en";
import { Picture } from "./video";

export interface PageProps {
  meeting: Meeting;
  company: string;
  t: Texts;
  language: string;
  /** Changes the language. */
  speak(): void;
}

export function Page(p: PageProps) {
  switch (p.meeting.at.value) {
    case "connecting":
    case "green":
      return <Green {...p} />;
    case "lobby":
      return <Lobby {...p} />;
    case "in":
      return <Stage {...p} />;
    default:
      return <End {...p} />;
  }
}

function Lobby(p: PageProps) {
  const { meeting, t } = p;
  const { cam, mic } = meeting;
  return (
    <Frame {...p}>
      <div class="wait">
        <div class="mirrorbox">{cam && <Picture track={cam} mirror />}</div>
        {mic && <Level track={mic} label={t.level} />}
        <div role="status" data-testid="meet-lobby">
          <h1>{t.waiting}</h1>
        </div>
        <p class="lead">{meeting.online.value ? t.waitingLead : t.reconnecting}</p>
        <button type="button" class="alt" data-testid="meet-leave" onClick={() => meeting.leave()}>
          {t.leave}
        </button>
      </div>
    </Frame>
  );
}

const ENDS = ["left", "ended", "denied", "removed", "replaced"] as const;

function End(p: PageProps) {
  const { meeting, t } = p;
  const at = meeting.at.value;
  const why = ENDS.find((e) => e === meeting.why.value) ?? "ended";
  const what = at === "gone" || at === "signin" || at === "outdated" ? at : why;
  const lead = t[`${what}Lead`];
  return (
    <Frame {...p}>
      <h1>{t[what]}</h1>
      {lead && (
        <p class="lead" role="status" data-testid="meet-end">
          {lead}
        </p>
      )}
      <span class="gap" />
      {(what === "left" || what === "replaced" || what === "ended") && (
        <button type="button" class="big plain" data-testid="meet-again" onClick={() => meeting.again()}>
          {t.back}
        </button>
      )}
      {what === "signin" && (
        <button type="button" class="big plain" data-testid="meet-guest" onClick={() => meeting.asGuest()}>
          {t.asGuest}
        </button>
      )}
      {what === "outdated" && (
        <button type="button" class="big plain" onClick={() => location.reload()}>
          {t.reload}
        </button>
      )}
    </Frame>
  );
}
