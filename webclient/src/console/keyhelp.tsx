import "./keyhelp.css";
import { useEffect, useRef } from "preact/hooks";
import type { Texts } from "./texts";

export function KeyHelp({ t, close }: { t: Texts; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="sh-help" aria-labelledby="sh-help-title" onClose={close}>
      <h2 id="sh-help-title">{t.keysTitle}</h2>
      <p>{t.keysLead}</p>
      <dl>
        {t.keys.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="sh-main" onClick={() => dialog.current?.close()}>
        {t.close}
      </button>
    </dialog>
  );
}
