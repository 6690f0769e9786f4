import { Icon } from "../thread/icons";
import type { Sense } from "./sense";
import type { CallTexts } from "./texts";

/** The line in a word, with bars beside it. */
export function QualityWord({ sense, t }: { sense: Sense; t: CallTexts }) {
  const q = sense.quality.value;
  if (!q) return null;
  return (
    <span class="cl-quality" data-quality={q} data-testid="call-quality">
      <span class="cl-bars" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {t.quality[q]}
    </span>
  );
}

/** How loud the own microphone is, and a word to who speaks although muted. */
export function Senses({ sense, muted, t }: { sense: Sense; muted: boolean; t: CallTexts }) {
  return (
    <>
      <Level sense={sense} muted={muted} t={t} />
      {muted && sense.speaking.value && (
        <p class="cl-warn" role="alert" data-testid="muted-speaking">
          <Icon name="micOff" size={15} />
          <span>{t.mutedSpeaking}</span>
        </p>
      )}
    </>
  );
}

/** A component of its own: it is drawn ten times a second. */
function Level({ sense, muted, t }: { sense: Sense; muted: boolean; t: CallTexts }) {
  const level = muted ? 0 : sense.level.value;
  return (
    <div class="cl-level" data-muted={muted} data-testid="call-level">
      <meter class="sh-hidden" aria-label={t.level} min={0} max={1} value={level} />
      <span style={`transform:scaleX(${level})`} aria-hidden="true" />
    </div>
  );
}
