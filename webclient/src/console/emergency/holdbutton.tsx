import { useEffect, useRef } from "preact/hooks";
import { Hold } from "./hold";
import type { EmergencyTexts } from "./texts";

interface Props {
  t: EmergencyTexts;
  disabled: boolean;
  done: () => void;
}

/** Starts the emergency when it is held for long enough, by finger, mouse, Space or Enter. */
export function HoldButton({ t, disabled, done }: Props) {
  const last = useRef(done);
  last.current = done;
  const hold = useRef<Hold | null>(null);
  hold.current ??= new Hold(() => last.current());
  const h = hold.current;
  useEffect(() => () => h.release(), []);
  const key = (e: KeyboardEvent) => {
    if (e.key !== " " && e.key !== "Enter") return;
    e.preventDefault();
    if (!e.repeat) h.press();
  };
  return (
    <button
      type="button"
      class="em-hold"
      data-holding={h.holding.value}
      disabled={disabled}
      onPointerDown={(e) => e.button === 0 && h.press()}
      onPointerUp={() => h.release()}
      onPointerLeave={() => h.release()}
      onPointerCancel={() => h.release()}
      onContextMenu={(e) => e.preventDefault()}
      onKeyDown={key}
      onKeyUp={() => h.release()}
      onBlur={() => h.release()}
      data-testid="emergency-hold"
    >
      <span>{h.holding.value ? t.holding : t.hold}</span>
    </button>
  );
}
