import { Icon } from "../thread/icons";
import type { Phone } from "./phone";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

interface Props {
  phone: Phone;
  view: Extract<CallView, { at: "call" }>;
  muted: boolean;
  t: CallTexts;
}

/** Mute and hang up; where this page is not in the call, a way into it. */
export function CallButtons({ phone, view, muted, t }: Props) {
  const out = view.here === "elsewhere" || view.here === "gone" || view.here === "no-microphone";
  return (
    <div class="cl-act">
      {out ? (
        <button type="button" class="cl-take" onClick={() => phone.takeHere()} data-testid="call-take-here">
          <Icon name="phone" size={18} />
          {view.here === "elsewhere" ? t.takeHere : t.joinAgain}
        </button>
      ) : (
        <button
          type="button"
          class="cl-mute"
          aria-pressed={muted}
          aria-keyshortcuts="M"
          aria-label={t.mute}
          title={`${muted ? t.unmute : t.mute} (M)`}
          onClick={() => phone.toggleMute()}
          data-testid="call-mute"
        >
          <Icon name={muted ? "micOff" : "mic"} size={18} />
          <span>{muted ? t.unmute : t.mute}</span>
          <kbd>M</kbd>
        </button>
      )}
      <button
        type="button"
        class="cl-hang"
        aria-keyshortcuts="Control+Shift+H"
        title={`${t.hangUp} (Ctrl+Shift+H)`}
        onClick={() => phone.hangUp()}
        data-testid="call-hangup"
      >
        <Icon name="phoneOff" size={18} />
        <span>{t.hangUp}</span>
      </button>
    </div>
  );
}
