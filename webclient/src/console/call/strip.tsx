import "./call.css";
import type { Desk } from "../desk";
import { nameOf } from "../store";
import type { Texts } from "../texts";
import { stopwatch } from "../thread/format";
import { useNow } from "../thread/hooks";
import { Icon } from "../thread/icons";
import { deskTexts } from "./desktexts";
import { partOf, saidOf } from "./said";
import { callTexts } from "./texts";
import { type CallView, sinceOf } from "./view";

/** The call in one green line, wherever its card is not to be seen. */
export function CallStrip({ desk, t }: { desk: Desk; t: Texts }) {
  const view = desk.phone.view.value;
  if (view.at !== "call") return null;
  return <Strip desk={desk} view={view} t={t} />;
}

function Strip({ desk, view, t }: { desk: Desk; view: Extract<CallView, { at: "call" }>; t: Texts }) {
  const ct = callTexts(t.language);
  const { phone, store } = desk;
  const now = useNow(store.skew.value, 500);
  const line = phone.line.value;
  const name = nameOf(view.conversation) || t.unnamed;
  const muted = "muted" in line && line.muted;
  const out = view.here === "elsewhere" || view.here === "gone" || view.here === "no-microphone";
  const said = saidOf(view, line, store.peers.value.get(view.call.id) ?? "", name, ct);
  return (
    <section class="cl-strip" aria-label={ct.region} data-testid="call-strip" data-here={view.here}>
      <button type="button" class="cl-strip-open" title={ct.open} onClick={() => desk.select(view.conversation.id)}>
        <Icon name="phone" size={15} />
        <b>{view.call.state === "ringing" ? `${ct.state.rings}: ${name}` : ct.inCallWith(name)}</b>
        <span class="cl-time">{stopwatch(now - sinceOf(view.call))}</span>
        <span class="cl-strip-said" role="status">
          {said || partOf(desk, view, deskTexts(t.language))}
        </span>
      </button>
      {out ? (
        <button type="button" class="cl-strip-btn" onClick={() => phone.takeHere()} data-testid="call-take-here">
          {view.here === "elsewhere" ? ct.takeHere : ct.joinAgain}
        </button>
      ) : (
        <button
          type="button"
          class="cl-strip-btn"
          aria-pressed={muted}
          aria-label={ct.mute}
          title={`${muted ? ct.unmute : ct.mute} (M)`}
          onClick={() => phone.toggleMute()}
          data-testid="call-mute"
        >
          <Icon name={muted ? "micOff" : "mic"} size={15} />
          <span>{muted ? ct.unmute : ct.mute}</span>
        </button>
      )}
      <button
        type="button"
        class="cl-strip-btn cl-strip-hang"
        title={`${ct.hangUp} (Ctrl+Shift+H)`}
        onClick={() => phone.hangUp()}
        data-testid="call-hangup"
      >
        <Icon name="phoneOff" size={15} />
        <span>{ct.hangUp}</span>
      </button>
    </section>
  );
}
