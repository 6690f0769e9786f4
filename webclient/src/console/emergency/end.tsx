import "./page.css";
import { useEffect, useRef } from "preact/hooks";
import type { Desk } from "../desk";
import { Refusal } from "./refusal";
import { Switch } from "./switch";
import type { EmergencyTexts } from "./texts";

/** Asks before it ends, and says what will change. */
export function EndDialog({ desk, t, close }: { desk: Desk; t: EmergencyTexts; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const made = useRef<Switch | null>(null);
  made.current ??= new Switch(desk.api);
  const sw = made.current;
  useEffect(() => dialog.current?.showModal(), []);
  const end = async () => {
    if (await sw.end()) dialog.current?.close();
  };
  return (
    <dialog
      ref={dialog}
      class="em-dialog"
      aria-labelledby="em-end-title"
      onClose={close}
      data-testid="emergency-ending"
    >
      <h2 id="em-end-title">{t.endTitle}</h2>
      <ul>
        {t.endChanges.map((x) => (
          <li key={x}>{x}</li>
        ))}
      </ul>
      <Refusal sw={sw} t={t} />
      <div class="em-acts">
        <button type="button" class="em-plain" onClick={() => dialog.current?.close()}>
          {t.endNot}
        </button>
        <button
          type="button"
          class="em-btn em-solid"
          disabled={sw.at.value === "working"}
          onClick={() => void end()}
          data-testid="emergency-end-now"
        >
          {t.endNow}
        </button>
      </div>
    </dialog>
  );
}
