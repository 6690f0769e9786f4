// What customers read of being called back, in German; written for itself, not translated.

import type { BackTexts } from "./back-en";

const de: BackTexts = {
  title: "Wir rufen Sie zurück",
  lead: "Ihr Platz bleibt. Wenn Sie dran sind, bekommen Sie einen Link: einmal tippen, und Sie sprechen mit uns.",
  how: "Wie erreichen wir Sie?",
  ways: { sms: "SMS", email: "E-Mail", page: "Auf dieser Seite" },
  to: { sms: "Ihre Mobilnummer mit Landesvorwahl", email: "Ihre E-Mail-Adresse" },
  page: "Lassen Sie diese Seite offen. Sie klingelt, wenn Sie dran sind, auch im Hintergrund.",
  wrong: {
    sms: "Wir brauchen eine Nummer mit Landesvorwahl, etwa +49 171 1234567.",
    email: "Wir brauchen eine Adresse, etwa anna@example.org.",
    page: "",
  },
  asks: {
    sms: (to) => `Bitte rufen Sie mich zurück: ${to}`,
    email: (to) => `Bitte rufen Sie mich zurück: ${to}`,
    page: () => "Bitte rufen Sie mich auf dieser Seite zurück",
  },
  send: "Platz behalten, zurückrufen lassen",
  asked: {
    sms: "Ihr Platz bleibt. Der Link kommt als SMS; die Seite dürfen Sie schließen.",
    email: "Ihr Platz bleibt. Der Link kommt per E-Mail; die Seite dürfen Sie schließen.",
    page: "Ihr Platz bleibt. Lassen Sie diese Seite offen: Sie klingelt, wenn Sie dran sind.",
  },
  done: "Fertig",
  back: "Zurück",
};

export default de;
