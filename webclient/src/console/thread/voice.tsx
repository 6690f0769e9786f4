import { useEffect, useRef, useState } from "preact/hooks";
import { stopwatch } from "./format";
import { Icon } from "./icons";
import type { Texts } from "./texts";
import "./voice.css";

interface Props {
  src: string;
  /** How long it lasts, as the customer's browser has said: what browsers record does not say so itself. */
  ms: number;
  t: Texts;
}

/** A voice message: heard from where one likes, at the speed one likes. */
export function Voice({ src, ms, t }: Props) {
  const audio = useRef<HTMLAudioElement>(null);
  const [on, setOn] = useState(false);
  const [at, setAt] = useState(0);
  const [fast, setFast] = useState(false);
  const [broken, setBroken] = useState(false);
  useTicks(on, () => setAt((audio.current?.currentTime ?? 0) * 1000));
  const toggle = () => {
    const a = audio.current;
    if (!a) return;
    if (a.paused) a.play().catch(() => setBroken(true));
    else a.pause();
  };
  const seek = (to: number) => {
    setAt(to);
    if (audio.current) audio.current.currentTime = to / 1000;
  };
  const speed = () => {
    setFast(!fast);
    if (audio.current) audio.current.playbackRate = fast ? 1 : 1.5;
  };
  return (
    <fieldset class="th-voice" aria-label={t.kinds.voice} data-testid="voice-player" data-playing={on}>
      <button type="button" class="th-ib" aria-label={on ? t.pause : t.play} onClick={toggle} data-testid="voice-play">
        <Icon name={on ? "pause" : "play"} size={20} />
      </button>
      <input
        type="range"
        min={0}
        max={Math.max(ms, at)}
        step={100}
        value={at}
        aria-label={t.playFrom}
        aria-valuetext={stopwatch(at)}
        onInput={(e) => seek(Number(e.currentTarget.value))}
      />
      <span class="th-voice-time">{stopwatch(on || at > 0 ? at : ms)}</span>
      <button type="button" class="th-voice-speed" aria-pressed={fast} aria-label={t.faster} onClick={speed}>
        1,5×
      </button>
      {broken && <small role="alert">{t.cannotPlay}</small>}
      {/* biome-ignore lint/a11y/useMediaCaption: what customers say has no captions */}
      <audio
        ref={audio}
        src={src}
        preload="none"
        onPlay={() => setOn(true)}
        onPause={() => setOn(false)}
        onEnded={() => {
          setOn(false);
          setAt(0);
        }}
        onError={() => setBroken(true)}
      />
    </fieldset>
  );
}

/** Calls what is given while it plays: the browser's own sign comes four times a second only. */
function useTicks(on: boolean, tick: () => void): void {
  const latest = useRef(tick);
  latest.current = tick;
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => latest.current(), 100);
    return () => clearInterval(timer);
  }, [on]);
}

export function voiceMS(extra: Record<string, string> | undefined): number {
  return Number(extra?.voice_ms) || 0;
}
