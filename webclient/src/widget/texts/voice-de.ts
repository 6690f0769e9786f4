// What customers read of voice messages, in German; written for itself, not translated.

import type { VoiceTexts } from "./voice-en";

const de: VoiceTexts = {
  title: "Sprachnachricht",
  name: (time) => `Sprachnachricht, ${time}`,
  asking: "Ihr Browser fragt nach dem Mikrofon. Erlauben Sie es für die Aufnahme.",
  speak: "Sprechen Sie jetzt, bis zu 5 Minuten: worum es geht und wie wir Sie erreichen.",
  stop: "Fertig",
  short: "Es wurde nichts aufgenommen. Drücken Sie und sprechen Sie.",
  start: "Aufnehmen",
  ready: (time) => `${time} aufgenommen. Gesendet wird erst, wenn Sie es sagen.`,
  listen: "Ihre Aufnahme",
  send: "Senden",
  again: "Neu aufnehmen",
  going: "Wird gesendet. Lassen Sie diese Seite bitte offen.",
  waits: "Gerade keine Verbindung. Es geht von selbst weiter, wo es war; lassen Sie diese Seite bitte offen.",
  there: "Ihre Sprachnachricht ist bei uns, jemand wird sie hören.",
  refused: "Sie wurde nicht angenommen. Bitte schreiben Sie uns.",
  write: "Lieber schreiben",
  drop: "Nicht senden",
  done: "Fertig",
  back: "Zurück",
};

export default de;
