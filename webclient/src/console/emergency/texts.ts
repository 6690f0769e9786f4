// What the console says about the emergency switch, in two languages, each written for itself.

import type { Language } from "../settings";

export interface EmergencyTexts {
  language: Language;
  title: string;
  bar: string;
  since(clock: string): string;
  by(name: string): string;
  works: string;
  worksLead: string;
  worksNone: string;
  end: string;
  endTitle: string;
  endNow: string;
  endNot: string;
  endChanges: string[];
  lead: string;
  stateOff: string;
  stateOn: string;
  never: string;
  last(when: string, name: string): string;
  start: string;
  why: string;
  whyHint: string;
  textsTitle: string;
  textsHint: string;
  inLanguage(tag: string): string;
  textEmpty: string;
  preview: string;
  changesTitle: string;
  changes(company: string): string[];
  hold: string;
  holding: string;
  orType(company: string): string;
  orTypeStart: string;
  saveTexts: string;
  saved: string;
  forbidden: string;
  failed: string;
  loading: string;
  loadFailed: string;
  again: string;
  print: string;
  printHint: string;
  log: string;
  logOn: string;
  logOff: string;
  logText: string;
  open: string;
  openOn: string;
}

const en: EmergencyTexts = {
  language: "en",
  title: "Emergency",
  bar: "Emergency mode",
  since: (clock) => `since ${clock}`,
  by: (name) => `switched on by ${name}`,
  works: "What works",
  worksLead: "Customers read this now, on the website, on talk links and as an answer to their messages.",
  worksNone: "No text for customers was given.",
  end: "End emergency…",
  endTitle: "End the emergency?",
  endNow: "End emergency",
  endNot: "Leave it on",
  endChanges: [
    "The notice leaves the website widget and the talk pages at once.",
    "Queues follow their ordinary rules again.",
    "The amber bar leaves every console.",
    "Calls and conversations under way go on.",
  ],
  lead: "For the hours in which your phones are dead. One switch tells customers what works and puts calling from the browser first.",
  stateOff: "Normal",
  stateOn: "Emergency",
  never: "It has never been switched on here.",
  last: (when, name) => (name ? `Last switched ${when} by ${name}.` : `Last switched ${when}.`),
  start: "Start an emergency",
  why: "Why, for colleagues",
  whyHint: "Stands in the bar of every console and in the record. Customers do not see it.",
  textsTitle: "What customers read",
  textsHint: "Say what is broken, what works, and if you know it, for how long.",
  inLanguage: (tag) => `In ${languageName(tag, "en")}`,
  textEmpty: "Left empty, the text of the configuration is shown.",
  preview: "As customers see it",
  changesTitle: "When you start it, this changes at once",
  changes: (company) => [
    `Visitors of ${company}’s website see the notice in the widget, with the call button first.`,
    "Talk pages show the same notice.",
    "Who writes by SMS or Messenger, or waits there now, gets the text once as an answer.",
    "Queues follow the hours and the overflow that the configuration has for an emergency.",
    "Every console shows the amber bar until somebody ends the emergency.",
  ],
  hold: "Hold to start",
  holding: "Keep holding…",
  orType: (company) => `Or type “${company}”`,
  orTypeStart: "Start now",
  saveTexts: "Save the texts",
  saved: "Saved. Customers read it now.",
  forbidden: "Only administrators may switch. Tell one of them what you see; this page stays readable for you.",
  failed: "The gateway did not do it. Nothing has changed; try again.",
  loading: "Loading…",
  loadFailed: "The state could not be read.",
  again: "Try again",
  print: "Page to print",
  printHint: "Addresses, links and a QR code on one sheet, for the day on which screens are dark too.",
  log: "Earlier switches",
  logOn: "on",
  logOff: "off",
  logText: "texts",
  open: "Emergency",
  openOn: "Emergency: on",
};

const de: EmergencyTexts = {
  language: "de",
  title: "Notfall",
  bar: "Notfallbetrieb",
  since: (clock) => `seit ${clock}`,
  by: (name) => `eingeschaltet von ${name}`,
  works: "Was geht",
  worksLead: "Das lesen Kunden jetzt: auf der Website, auf Talk-Links und als Antwort auf ihre Nachrichten.",
  worksNone: "Für Kunden ist kein Text hinterlegt.",
  end: "Notfall beenden …",
  endTitle: "Notfall beenden?",
  endNow: "Notfall beenden",
  endNot: "Eingeschaltet lassen",
  endChanges: [
    "Der Hinweis verschwindet sofort aus dem Website-Fenster und von den Talk-Seiten.",
    "Für Warteschlangen gelten wieder die üblichen Regeln.",
    "Der gelbe Balken verschwindet aus jeder Konsole.",
    "Laufende Anrufe und Gespräche gehen weiter.",
  ],
  lead: "Für die Stunden, in denen Ihre Telefone tot sind. Ein Schalter sagt den Kunden, was geht, und stellt den Anruf aus dem Browser nach vorn.",
  stateOff: "Normalbetrieb",
  stateOn: "Notfall",
  never: "Hier wurde er noch nie eingeschaltet.",
  last: (when, name) => (name ? `Zuletzt geschaltet ${when} von ${name}.` : `Zuletzt geschaltet ${when}.`),
  start: "Notfall einschalten",
  why: "Grund, für die Kollegen",
  whyHint: "Steht im Balken jeder Konsole und im Protokoll. Kunden sehen ihn nicht.",
  textsTitle: "Was Kunden lesen",
  textsHint: "Was ist gestört, was geht, und wenn Sie es wissen: wie lange noch.",
  inLanguage: (tag) => `Auf ${languageName(tag, "de")}`,
  textEmpty: "Bleibt es leer, gilt der Text der Konfiguration.",
  preview: "So sehen es Kunden",
  changesTitle: "Beim Einschalten ändert sich sofort",
  changes: (company) => [
    `Wer die Website von ${company} besucht, sieht den Hinweis im Chatfenster, mit dem Anrufknopf zuerst.`,
    "Talk-Seiten zeigen denselben Hinweis.",
    "Wer per SMS oder Messenger schreibt oder dort gerade wartet, bekommt den Text einmal als Antwort.",
    "Für Warteschlangen gelten Zeiten und Überlauf, die die Konfiguration für den Notfall vorsieht.",
    "Jede Konsole zeigt den gelben Balken, bis jemand den Notfall beendet.",
  ],
  hold: "Gedrückt halten zum Einschalten",
  holding: "Weiter halten …",
  orType: (company) => `Oder „${company}“ eintippen`,
  orTypeStart: "Jetzt einschalten",
  saveTexts: "Texte speichern",
  saved: "Gespeichert. Kunden lesen es jetzt.",
  forbidden: "Schalten darf nur die Administration. Sagen Sie dort Bescheid; lesen können Sie diese Seite weiterhin.",
  failed: "Das Gateway hat es nicht ausgeführt. Es hat sich nichts geändert; versuchen Sie es noch einmal.",
  loading: "Lädt …",
  loadFailed: "Der Stand konnte nicht gelesen werden.",
  again: "Noch einmal",
  print: "Seite zum Ausdrucken",
  printHint: "Adressen, Links und ein QR-Code auf einem Blatt, für den Tag, an dem auch die Bildschirme dunkel sind.",
  log: "Frühere Schaltungen",
  logOn: "ein",
  logOff: "aus",
  logText: "Texte",
  open: "Notfall",
  openOn: "Notfall: eingeschaltet",
};

function languageName(tag: string, language: Language): string {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

export function emergencyTexts(language: Language): EmergencyTexts {
  return language === "de" ? de : en;
}
