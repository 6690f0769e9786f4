import { useEffect, useRef } from "preact/hooks";
import type { Emergency } from "../../shared/protocol";
import { useOutside } from "../thread/outside";
import { languagesOf } from "./state";
import type { EmergencyTexts } from "./texts";

interface Props {
  emergency: Emergency;
  t: EmergencyTexts;
  /** back: the focus should go to where it was opened from. */
  close: (back: boolean) => void;
}

/** The texts that customers read now. */
export function Works({ emergency, t, close }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useOutside(box, () => close(false));
  useEffect(() => {
    const leave = (e: KeyboardEvent) => {
      if (e.key === "Escape") close(true);
    };
    document.addEventListener("keydown", leave);
    return () => document.removeEventListener("keydown", leave);
  }, []);
  const said = languagesOf(emergency.text).filter((l) => emergency.text?.[l]);
  return (
    <div ref={box} class="em-works" data-testid="emergency-texts">
      <p>{said.length > 0 ? t.worksLead : t.worksNone}</p>
      {said.map((l) => (
        <div key={l}>
          <h3>{t.inLanguage(l)}</h3>
          <blockquote lang={l}>{emergency.text?.[l]}</blockquote>
        </div>
      ))}
    </div>
  );
}
