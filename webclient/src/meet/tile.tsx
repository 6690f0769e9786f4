// One person's tile: the picture, or the first letters of the name; who it is, and whether they can be heard.

import type { MeetPeer } from "../shared/protocol";
import { Mark } from "./icons";
import type { Box } from "./layout";
import type { Meeting } from "./meeting";
import type { Texts } from "./texts/en";
import { Picture } from "./video";

interface Props {
  box: Box;
  meeting: Meeting;
  t: Texts;
  person: MeetPeer | undefined;
}

export function TileView({ box, meeting, t, person }: Props) {
  const mine = box.peer === meeting.you.value;
  const screen = box.kind === "screen";
  const shows = mine
    ? screen || meeting.cam !== undefined
    : Boolean(screen ? person?.screen : person?.video && !person.away);
  const track = meeting.track(box);
  const name = mine ? t.you : (person?.name ?? "");
  const speaks = !screen && meeting.speaking.value.has(box.peer);
  const quiet = !screen && !(mine ? meeting.micOn : person?.audio);
  const text = screen ? (mine ? t.youShare : t.sharing(name)) : name;
  return (
    <figure
      class={`tile${box.small ? " small" : ""}${speaks ? " speaks" : ""}${screen ? " shared" : ""}`}
      style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px`, height: `${box.h}px` }}
      data-testid="tile"
      data-peer={box.peer}
      data-name={person?.name}
      data-kind={box.kind}
      data-mine={mine}
    >
      {!shows && (
        <span class="face" aria-hidden="true">
          {initials(person?.name ?? "")}
        </span>
      )}
      {shows && <Picture track={track} mirror={mine && !screen} />}
      <figcaption>
        {quiet && <Mark name="micOff" size={14} />}
        <span>{text}</span>
        {quiet && <span class="sr">{t.muted}</span>}
        {!mine && person?.away && !screen && <small>{t.away}</small>}
      </figcaption>
    </figure>
  );
}

export function initials(name: string): string {
  return name
    .split(/\s+/)
    .map((word) => Array.from(word)[0] ?? "")
    .slice(0, 2)
    .join("")
    .toUpperCase();
}
