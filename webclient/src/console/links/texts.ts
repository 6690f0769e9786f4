// What the console says about talk links, in two languages, each written for itself.

import type { Language } from "../settings";

export interface LinkTexts {
  language: Language;
  title: string;
  lead: string;
  to: string;
  toQueues: string;
  toAgents: string;
  name: string;
  email: string;
  subject: string;
  subjectHint: string;
  spoken: string;
  spokenNone: string;
  languages: Record<string, string>;
  ttl: string;
  ttls: Record<string, string>;
  make: string;
  made(name: string): string;
  until(when: string): string;
  url: string;
  copy: string;
  copied: string;
  insert: string;
  another: string;
  qr: string;
  failed: string;
  close: string;
  recent: string;
  recentNone: string;
  recentFailed: string;
  again: string;
  more: string;
  forWhom(name: string): string;
  anybody: string;
  printed: string;
  revoke: string;
  revokeSure: string;
  revoked: string;
  open: string;
}

const en: LinkTexts = {
  language: "en",
  title: "New talk link",
  lead: "Whoever opens it can call or write to you from a browser. Opening it costs nothing and calls nobody.",
  to: "Leads to",
  toQueues: "Queues",
  toAgents: "Agents",
  name: "Name",
  email: "E-mail",
  subject: "About",
  subjectHint: "Stands on the page and rings with the call.",
  spoken: "Language of the page",
  spokenNone: "As the browser says",
  languages: { de: "German", en: "English" },
  ttl: "Valid for",
  ttls: { "1h": "1 hour", "24h": "1 day", "72h": "3 days", "168h": "1 week", "720h": "30 days" },
  make: "Make the link",
  made: (name) => (name ? `The link for ${name} is ready.` : "The link is ready."),
  until: (when) => `Valid until ${when}.`,
  url: "Address of the link",
  copy: "Copy",
  copied: "Copied",
  insert: "Insert into the reply",
  another: "Another one",
  qr: "QR code of the link",
  failed: "The gateway did not make it. Try again.",
  close: "Close",
  recent: "Recent links",
  recentNone: "No link is valid at the moment.",
  recentFailed: "The links could not be loaded.",
  again: "Try again",
  more: "Show more",
  forWhom: (name) => `for ${name}`,
  anybody: "for whoever has it",
  printed: "printed, for everybody",
  revoke: "Revoke",
  revokeSure: "Revoke for good",
  revoked: "revoked",
  open: "Talk link",
};

const de: LinkTexts = {
  language: "de",
  title: "Neuer Talk-Link",
  lead: "Wer ihn öffnet, kann Sie aus dem Browser anrufen oder Ihnen schreiben. Das Öffnen kostet nichts und ruft niemanden an.",
  to: "Führt zu",
  toQueues: "Warteschlangen",
  toAgents: "Personen",
  name: "Name",
  email: "E-Mail",
  subject: "Worum es geht",
  subjectHint: "Steht auf der Seite und beim Klingeln.",
  spoken: "Sprache der Seite",
  spokenNone: "Wie der Browser es sagt",
  languages: { de: "Deutsch", en: "Englisch" },
  ttl: "Gültig",
  ttls: { "1h": "1 Stunde", "24h": "1 Tag", "72h": "3 Tage", "168h": "1 Woche", "720h": "30 Tage" },
  make: "Link erstellen",
  made: (name) => (name ? `Der Link für ${name} ist fertig.` : "Der Link ist fertig."),
  until: (when) => `Gültig bis ${when}.`,
  url: "Adresse des Links",
  copy: "Kopieren",
  copied: "Kopiert",
  insert: "In die Antwort einfügen",
  another: "Noch einer",
  qr: "QR-Code des Links",
  failed: "Das Gateway hat ihn nicht erstellt. Versuchen Sie es noch einmal.",
  close: "Schließen",
  recent: "Letzte Links",
  recentNone: "Zurzeit ist kein Link gültig.",
  recentFailed: "Die Links konnten nicht geladen werden.",
  again: "Noch einmal",
  more: "Mehr zeigen",
  forWhom: (name) => `für ${name}`,
  anybody: "für jeden, der ihn hat",
  printed: "gedruckt, für alle",
  revoke: "Zurückziehen",
  revokeSure: "Endgültig zurückziehen",
  revoked: "zurückgezogen",
  open: "Talk-Link",
};

export function linkTexts(language: Language): LinkTexts {
  return language === "de" ? de : en;
}
