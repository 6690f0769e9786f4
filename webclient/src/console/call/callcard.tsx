import type { Desk } from "../desk";
import { Avatar } from "../thread/avatar";
import { stopwatch } from "../thread/format";
import { useNow } from "../thread/hooks";
import { Icon } from "../thread/icons";
import { CallButtons } from "./callbuttons";
import { deskTexts } from "./desktexts";
import { Lines } from "./lines";
import { lineOf } from "./linetexts";
import { People } from "./people";
import { RecordLine } from "./recordline";
import { partOf, saidOf, stateOf } from "./said";
import { QualityWord, Senses } from "./senses";
import type { CallTexts } from "./texts";
import { useSense } from "./usesense";
import { type CallView, sinceOf } from "./view";

interface Props {
  desk: Desk;
  view: Extract<CallView, { at: "call" }>;
  name: string;
  t: CallTexts;
}

/** A call under way: with whom, how long, how good the line is, what can be done. */
export function CallCard({ desk, view, name, t }: Props) {
  const { phone, store } = desk;
  const now = useNow(store.skew.value, 500);
  const line = phone.line.value;
  const live = view.here === "connected" || view.here === "interrupted";
  const sense = useSense(phone, live);
  const muted = "muted" in line && line.muted;
  const dt = deskTexts(t.language);
  const part = partOf(desk, view, dt);
  const warning = saidOf(view, line, store.peers.value.get(view.call.id) ?? "", name, t);
  return (
    <section
      class="cl-card"
      aria-label={t.region}
      data-testid="call-card"
      data-state={view.call.state}
      data-here={view.here}
      data-part={view.leg?.role ?? "holder"}
      data-held={Boolean(view.call.held_since)}
    >
      <p class="cl-state">
        <span class={view.call.state === "connected" && live ? "cl-lamp" : "cl-lamp cl-lamp-soft"} />
        <span role="status">{stateOf(view, t)}</span>
        <span class="cl-time" role="timer" data-testid="call-time">
          {stopwatch(now - sinceOf(view.call))}
        </span>
        <button
          type="button"
          class="cl-gear"
          aria-haspopup="dialog"
          aria-label={dt.sound}
          title={dt.sound}
          onClick={() => (desk.sounding.value = true)}
          data-testid="call-sound"
        >
          <Icon name="sliders" size={16} />
        </button>
      </p>
      <div class="cl-who">
        <Avatar name={name} large picture={view.conversation.contact.picture} />
        <div>
          <h2>{name}</h2>
          <p>{sense ? <QualityWord sense={sense} t={t} /> : view.conversation.subject}</p>
        </div>
      </div>
      {sense && <Senses sense={sense} muted={muted} t={t} />}
      {part && (
        <p class="cl-part" role="status" data-testid="call-part">
          {part}
        </p>
      )}
      {warning && (
        <p class="cl-warn" role="alert" data-testid="call-warning">
          <Icon name="alert" size={15} />
          <span>{warning}</span>
        </p>
      )}
      <RecordLine desk={desk} view={view} t={t} />
      <People desk={desk} view={view} t={dt} />
      <CallButtons desk={desk} view={view} muted={muted} t={t} dt={dt} />
      {/* Behind the buttons: it comes seconds later, and would move them under a finger. */}
      {live && (
        <Lines
          lines={store.lines.value.get(view.call.id) ?? []}
          language={t.language}
          who={(l) => lineOf(l.agent, store.me.value?.id ?? "", name, t.language, store.agents.value)}
        />
      )}
    </section>
  );
}
