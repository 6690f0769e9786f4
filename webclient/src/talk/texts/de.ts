// What the page of a link says, in German; written for itself, not translated.

import type { TalkTexts } from "./en";

const de: TalkTexts = {
  other: "English",
  title: (name) => (name ? `Sprechen Sie mit uns, ${name}` : "Sprechen Sie mit uns"),
  lead: (company) => `Hier erreichen Sie ${company || "uns"} direkt, in diesem Browser.`,
  about: "Es geht um",
  wrote: "Sie schrieben",
  reaches: "Sie erreichen",
  lastCall: "Letzter Anruf",
  here: "Wir sind da",
  soon: (seconds) =>
    seconds < 55
      ? `, etwa ${Math.max(10, Math.ceil(seconds / 10) * 10)} Sekunden`
      : seconds > 3600
        ? ", es dauert über eine Stunde"
        : `, etwa ${seconds > 60 ? `${Math.ceil(seconds / 60)} Minuten` : "eine Minute"}`,
  absent: "Im Moment ist niemand angemeldet. Hinterlassen Sie eine Nachricht, wir antworten.",
  closed: "Wir haben gerade geschlossen. Hinterlassen Sie eine Nachricht, wir antworten.",
  talking: (name) => `${name} antwortet Ihnen schriftlich`,
  connecting: "Verbindung wird aufgebaut …",
  lost: "Gerade keine Verbindung. Diese Seite versucht es von selbst weiter; was Sie schreiben, bleibt erhalten.",
  call: "Jetzt anrufen",
  callLater: "Anrufen und warten",
  callAnyway: "Anruf hier versuchen",
  hint: "Kostenlos und ohne App. Ihr Browser fragt nach dem Mikrofon.",
  write: "Schreiben",
  leave: "Nachricht hinterlassen",
  check: "Erst prüfen, ob es geht",
  voice: "Sprach\u00adnachricht", // it may be parted there
  back: "Rückruf",
  noCalls: "Anrufe sind gerade nicht möglich. Schreiben können Sie uns.",
  expired: (day) => `Mit diesem Link konnten Sie bis ${day} anrufen. Schreiben können Sie uns weiterhin.`,
  gone: "Dieser Link funktioniert nicht",
  goneLead: (company) =>
    `Er wurde zurückgezogen, oder die Adresse ist unvollständig. Antworten Sie auf die Nachricht, mit der er kam: ${company ? `${company} meldet sich` : "wir melden uns"} bei Ihnen.`,
  reload: "Noch einmal",
  outdated: "Diese Seite ist veraltet",
  outdatedLead: "Bitte laden Sie sie neu.",
  encrypted: "Verschlüsselt, keine Cookies",
  secure: "Verschlüsselt",
  plain: "Keine Cookies",
  quality: { good: "Gute Leitung", fair: "Mäßige Leitung", poor: "Schlechte Leitung" },
  latest: (name) => `${name} schreibt`,
};

export default de;
