// What customers read of calls, in German; written for itself, not translated.

import type { CallTexts } from "./call-en";

const de: CallTexts = {
  call: "Anruf",
  asking: "Ihr Browser fragt nach dem Mikrofon. Erlauben Sie es, damit wir Sie hören.",
  joining: "Verbindung wird aufgebaut …",
  inLine: (n) =>
    n === 1 ? "Sie sind als Nächstes dran." : n ? `Sie sind an Stelle ${n}.` : "Sie sind in der Warteschlange.",
  music: "Sie hören Musik, bis jemand abnimmt.",
  nobody: "Im Moment ist niemand angemeldet. Sie können in der Leitung bleiben oder uns schreiben, wir antworten.",
  answered: (name) => `${name || "Jemand"} nimmt Ihren Anruf an …`,
  talking: (name) => `Sie sprechen mit ${name}`,
  held: (name) => `${name} hält Ihr Gespräch. So lange spielt Musik; man hört Sie nicht.`,
  broken: (name) => `Die Leitung von ${name} ist unterbrochen. Bleiben Sie dran, sie wird wiederhergestellt.`,
  interrupted: "Ihre Leitung ist unterbrochen und wird wiederhergestellt …",
  heard: "",
  muted: "Wir hören Sie nicht: stummgeschaltet.",
  paused: "Wir hören Sie nicht: Ihr Telefon braucht das Mikrofon gerade selbst.",
  lost: "Wir hören Sie nicht: Das Mikrofon ist weg.",
  ringing: (name) => `${name} ruft Sie an`,
  accept: "Annehmen",
  decline: "Ablehnen",
  away: "Ihr Anruf läuft weiter, aber nicht auf dieser Seite.",
  back: "Zurück zum Anruf",
  mute: "Stumm",
  hangUp: "Auflegen",
  again: "Noch einmal",
  unreachable: "Der Anruf kommt nicht zustande, wir haben es lange versucht. Schreiben geht weiterhin.",
  refused: (kind) =>
    kind === "too_many"
      ? "Zu viele Anrufe auf einmal. Versuchen Sie es gleich noch einmal oder schreiben Sie uns."
      : kind === "conflict"
        ? "Ein Anruf läuft schon, in einem anderen Fenster."
        : "Der Anruf wurde nicht angenommen. Schreiben geht weiterhin.",
};

export default de;
