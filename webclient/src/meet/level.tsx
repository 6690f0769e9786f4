// How loud the microphone is, as a bar.

import { useEffect, useRef } from "preact/hooks";
import { Meter } from "../shared/meter";

const EVERY_MS = 80;

export function Level({ track, label }: { track: MediaStreamTrack | undefined; label: string }) {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!track) return;
    const meter = new Meter(new MediaStream([track]));
    const beat = setInterval(() => {
      const level = track.enabled ? meter.level() : 0;
      ref.current?.style.setProperty("--level", String(level));
      ref.current?.setAttribute("data-level", level.toFixed(2));
    }, EVERY_MS);
    return () => {
      clearInterval(beat);
      meter.close();
    };
  }, [track]);
  return (
    <span class="meter" role="img" aria-label={label} data-testid="meet-level">
      <i ref={ref} />
    </span>
  );
}
