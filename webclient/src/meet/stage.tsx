// The meeting itself: tiles, the bar below them, and a panel beside them.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Bar } from "./bar";
import { Chat } from "./chat";
import { arrange, type Box } from "./layout";
import type { Meeting } from "./meeting";
import type { PageProps } from "./page";
import { People } from "./people";
import { Recording } from "./recording";
import type { Texts } from "./texts/en";
import { TileView } from "./tile";
import { Voices } from "./video";

export function Stage(p: PageProps) {
  const { meeting, t } = p;
  const panel = meeting.panel.value;
  return (
    <main class="stage" data-theme="dark" data-testid="meet" data-at="in" data-line={meeting.lineAt}>
      <h1 class="sr">{t.title}</h1>
      <Recording meeting={meeting} t={t} />
      <div class="floor">
        <Tiles meeting={meeting} t={t} />
        {panel === "chat" && <Chat meeting={meeting} t={t} language={p.language} />}
        {panel === "people" && <People meeting={meeting} t={t} />}
      </div>
      <Said meeting={meeting} t={t} />
      <Bar meeting={meeting} t={t} />
      <Voices meeting={meeting} />
    </main>
  );
}

function Tiles({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const area = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ w: 0, h: 0 });
  useLayoutEffect(() => {
    const box = area.current;
    if (!box) return;
    const watch = new ResizeObserver(() => setSize({ w: box.clientWidth, h: box.clientHeight }));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);
  const { people } = meeting.room.value;
  const you = meeting.you.value;
  const others = people.filter((p) => p.id !== you);
  const screen = others.find((p) => p.screen)?.id ?? (meeting.screen ? you : "");
  const boxes = arrange(
    others.map((p) => p.id),
    you,
    screen,
    size.w,
    size.h,
  );
  useShown(meeting, boxes);
  return (
    <div class="tiles" ref={area}>
      {boxes.map((b) => (
        <TileView
          key={`${b.peer}/${b.kind}`}
          box={b}
          meeting={meeting}
          t={t}
          person={people.find((p) => p.id === b.peer)}
        />
      ))}
      {others.length === 0 && (
        <p class="nobody" role="status" data-testid="meet-alone">
          {t.nobody}
          {meeting.host && <small>{t.nobodyHost}</small>}
        </p>
      )}
    </div>
  );
}

/** Tells the gateway what is shown, when that has changed. */
function useShown(meeting: Meeting, boxes: Box[]): void {
  const key = JSON.stringify(boxes.map((b) => [b.peer, b.kind, b.w, b.h]));
  useLayoutEffect(() => meeting.shown(boxes), [meeting, key]);
}

/** What is to be said now, in words. */
function Said({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const n = meeting.notice.value;
  const line = meeting.lineAt;
  const [guest] = meeting.room.value.lobby;
  let text = "";
  if (!meeting.online.value || line === "broken") text = t.reconnecting;
  else if (n) text = n.say === "mutedBy" ? t.mutedBy(n.name) : t[n.say];
  else if (line === "joining") text = t.joining;
  return (
    <div class="said" role="status" aria-live="polite">
      {text && <p data-testid="meet-notice">{text}</p>}
      {guest && (
        <p class="knock" data-testid="meet-knock">
          <span>{t.wants(guest.name)}</span>
          <button type="button" onClick={() => meeting.do("deny", guest.id)} data-testid="meet-deny">
            {t.deny}
          </button>
          <button type="button" class="go" onClick={() => meeting.do("admit", guest.id)} data-testid="meet-admit">
            {t.admit}
          </button>
        </p>
      )}
    </div>
  );
}
