// There is no microphone: what is wrong, and what can be done here. Loaded when that happens.

import type { MicTrouble } from "../shared/call";
import type { Kit } from "./late";
import { borrow, Late } from "./own/lent";
import { type Browser, browserOf, inApp } from "./own/place";

interface Props {
  trouble: MicTrouble;
  language: string;
}

interface Words {
  what: Record<MicTrouble, string>;
  allow: Record<Browser, string>;
}

const en: Words = {
  what: {
    denied: "The microphone is not allowed here.",
    blocked: "This website does not allow calls in the browser. You can write to us here.",
    missing: "No microphone was found. Plug one in and try again, or write to us.",
    busy: "Another program is using the microphone. Close it and try again, or write to us.",
    insecure: "Calls need a secure page (https), and this one is not. You can write to us here.",
    unsupported: "This browser has no calls. Open the page in another one, or write to us.",
  },
  allow: {
    chrome: "Click the symbol left of the address, allow the microphone, and try again.",
    firefox: "Click the crossed-out microphone beside the address, lift the block, and try again.",
    safari: "Choose Settings for this Website in the Safari menu, allow the microphone, and try again.",
    iphone: "Tap the symbol beside the address, then Website Settings, allow the microphone, and try again.",
    android: "Tap the symbol left of the address, then Permissions, allow the microphone, and try again.",
  },
};

const de: Words = {
  what: {
    denied: "Das Mikrofon ist hier nicht erlaubt.",
    blocked: "Diese Website lässt keine Anrufe im Browser zu. Schreiben können Sie uns hier.",
    missing: "Kein Mikrofon gefunden. Schließen Sie eines an oder schreiben Sie uns.",
    busy: "Ein anderes Programm benutzt das Mikrofon. Schließen Sie es oder schreiben Sie uns.",
    insecure: "Anrufe brauchen eine sichere Seite (https), diese ist es nicht. Schreiben können Sie uns hier.",
    unsupported: "Dieser Browser kann nicht anrufen. Öffnen Sie die Seite in einem anderen oder schreiben Sie uns.",
  },
  allow: {
    chrome: "Klicken Sie auf das Symbol links von der Adresse und erlauben Sie das Mikrofon.",
    firefox: "Klicken Sie auf das durchgestrichene Mikrofon neben der Adresse und heben Sie die Sperre auf.",
    safari: "Wählen Sie im Menü Safari „Einstellungen für diese Website“ und erlauben Sie das Mikrofon.",
    iphone:
      "Tippen Sie auf das Symbol neben der Adresse, dann auf „Website-Einstellungen“, und erlauben Sie das Mikrofon.",
    android:
      "Tippen Sie auf das Symbol links von der Adresse, dann auf „Berechtigungen“, und erlauben Sie das Mikrofon.",
  },
};

export default (kit: Kit) => {
  borrow(kit);
  return Trouble;
};

function Trouble({ trouble, language }: Props) {
  const t = language === "de" ? de : en;
  const agent = navigator.userAgent;
  const denied = trouble === "denied";
  if (!inApp(agent) || !(denied || trouble === "unsupported")) {
    return (
      <>
        <b>{t.what[trouble]}</b> {denied && t.allow[browserOf(agent)]}
      </>
    );
  }
  return <Late part={() => import("./out.late")} with={{ language }} />;
}
