// Inside another app's browser, which keeps the microphone to itself: the way out of it, into a real one. Loaded there.

import type { Kit } from "./late";
import { borrow } from "./own/lent";
import { appOf, wayOut } from "./own/out";

interface Words {
  inside(app: string): string;
  open: string;
  menu: string;
  copy: string;
  copied: string;
}

const en: Words = {
  inside: (app) =>
    `You are inside ${app || "another app"}, which keeps the microphone to itself. Open this page in your browser.`,
  open: "Open in the browser",
  menu: "If nothing happens: tap the three dots or the arrow of the app and choose “Open in browser”, or copy the address.",
  copy: "Copy the address",
  copied: "Copied. Paste it in your browser.",
};

const de: Words = {
  inside: (app) =>
    `Sie sind in ${app || "einer anderen App"}. Dort ist das Mikrofon gesperrt. Öffnen Sie diese Seite in Ihrem Browser.`,
  open: "Im Browser öffnen",
  menu: "Falls nichts geschieht: Tippen Sie in der App auf die drei Punkte oder den Pfeil und wählen Sie „Im Browser öffnen“, oder kopieren Sie die Adresse.",
  copy: "Adresse kopieren",
  copied: "Kopiert. Fügen Sie sie in Ihrem Browser ein.",
};

export default (kit: Kit) => {
  borrow(kit);
  return Out;
};

function Out({ language }: { language: string }) {
  const t = language === "de" ? de : en;
  const out = wayOut(navigator.userAgent, location.href);
  return (
    <>
      <b>{t.inside(appOf(navigator.userAgent))}</b>
      {out && (
        <>
          <button type="button" data-testid="open-out" data-href={out} onClick={() => location.assign(out)}>
            {t.open}
          </button>
          <small>{t.menu}</small>
        </>
      )}
      <button type="button" data-testid="call-copy" onClick={(e) => void copy(e.currentTarget, t.copied)}>
        {t.copy}
      </button>
    </>
  );
}

async function copy(button: HTMLButtonElement, copied: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = copied;
  } catch {
    button.textContent = location.href; // to be copied by hand
  }
}
