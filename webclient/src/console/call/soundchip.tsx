import { useEffect, useState } from "preact/hooks";
import type { Texts } from "../texts";
import { Icon } from "../thread/icons";
import { callTexts } from "./texts";

/** Says that the browser keeps rings silent, which it does until somebody has clicked in the page. */
export function SoundChip({ t }: { t: Texts }) {
  const silent = useSilence();
  if (!silent) return null;
  return (
    <p class="cl-chip" role="status" data-testid="sound-chip">
      <Icon name="alert" size={15} />
      <span>{callTexts(t.language).soundBlocked}</span>
    </p>
  );
}

function useSilence(): boolean {
  const [silent, setSilent] = useState(false);
  useEffect(() => {
    const probe = new AudioContext();
    const look = () => {
      setSilent(probe.state === "suspended");
      if (probe.state === "running") void probe.close(); // it has told what it was asked
    };
    const wake = () => {
      if (probe.state === "suspended") void probe.resume().then(look, look);
    };
    const asked = setTimeout(look, 500); // it begins suspended everywhere
    for (const act of ["pointerdown", "keydown"]) addEventListener(act, wake);
    return () => {
      clearTimeout(asked);
      for (const act of ["pointerdown", "keydown"]) removeEventListener(act, wake);
      if (probe.state !== "closed") void probe.close();
    };
  }, []);
  return silent;
}
