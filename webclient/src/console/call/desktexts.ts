// What the console says about hold, colleagues and supervisors in a call, in two languages, each written for itself.

import type { LegRole } from "../../shared/protocol";
import type { Language } from "../settings";

export interface DeskTexts {
  hold: string;
  resume: string;
  held: string;
  colleague: string;
  colleagueTo: string;
  ways: Record<"consult" | "invite" | "transfer", string>;
  waysHint: Record<"consult" | "invite" | "transfer", string>;
  consultRings(name: string): string;
  consulting(name: string): string;
  connect: string;
  conference: string;
  back: string;
  cancel: string;
  leave: string;
  leaveTo(name: string): string;
  endForAll: string;
  inCall: string;
  you: Record<LegRole, string>;
  role: Record<LegRole, string>;
  rings: string;
  remove(name: string): string;
  asks(name: string, consult: boolean): string;
  about(name: string): string;
  pickUp: string;
  supervise: string;
  superviseHint(name: string): string;
  mode: string;
  modes: Record<"listen" | "whisper" | "barge", string>;
  sound: string;
  soundLead: string;
  microphone: string;
  loudspeaker: string;
  standard: string;
  level: string;
  testTone: string;
  noMicrophone: string;
  close: string;
}

const en: DeskTexts = {
  hold: "Hold",
  resume: "Resume",
  held: "On hold: the customer hears music and is not heard",
  colleague: "Colleague",
  colleagueTo: "What for",
  ways: { consult: "Consult", invite: "Bring in", transfer: "Transfer" },
  waysHint: {
    consult: "The customer hears music meanwhile.",
    invite: "All talk together.",
    transfer: "Hands the customer over without asking.",
  },
  consultRings: (name) => `Rings at ${name}. The customer hears music.`,
  consulting: (name) => `You talk with ${name}. The customer hears music.`,
  connect: "Connect",
  conference: "Conference",
  back: "Back to the customer",
  cancel: "Cancel",
  leave: "Leave",
  leaveTo: (name) => `Leave it to ${name}`,
  endForAll: "End call",
  inCall: "Also in the call",
  you: {
    consult: "You are being consulted: the customer does not hear you",
    guest: "You talk with all",
    listen: "You listen: nobody hears you",
    whisper: "You whisper: the customer does not hear you",
    barge: "You talk with all, as a supervisor",
  },
  role: {
    consult: "is consulted",
    guest: "talks with all",
    listen: "listens",
    whisper: "whispers to you",
    barge: "supervisor, talks with all",
  },
  rings: "rings",
  remove: (name) => `Take ${name} out of the call`,
  asks: (name, consult) => (consult ? `${name} wants to consult you` : `${name} asks you into a call`),
  about: (name) => `Call with ${name}`,
  pickUp: "Pick up",
  supervise: "Listen in",
  superviseHint: (name) => `Listens to the call of ${name}`,
  mode: "How you are in the call",
  modes: { listen: "Listen", whisper: "Whisper", barge: "Join" },
  sound: "Microphone and loudspeaker",
  soundLead: "For calls in this browser. A running call changes at once.",
  microphone: "Microphone",
  loudspeaker: "Loudspeaker",
  standard: "As the system has it",
  level: "Speak: the bar moves when you are heard",
  testTone: "Play a tone",
  noMicrophone: "The browser gives no microphone: allow it beside the address.",
  close: "Close",
};

const de: DeskTexts = {
  hold: "Halten",
  resume: "Weiter",
  held: "Gehalten: der Kunde hört Musik und wird nicht gehört",
  colleague: "Kollege",
  colleagueTo: "Wozu",
  ways: { consult: "Rückfrage", invite: "Dazuholen", transfer: "Weitergeben" },
  waysHint: {
    consult: "Der Kunde hört so lange Musik.",
    invite: "Alle sprechen miteinander.",
    transfer: "Gibt den Kunden ohne Rückfrage ab.",
  },
  consultRings: (name) => `Klingelt bei ${name}. Der Kunde hört Musik.`,
  consulting: (name) => `Sie sprechen mit ${name}. Der Kunde hört Musik.`,
  connect: "Verbinden",
  conference: "Konferenz",
  back: "Zurück zum Kunden",
  cancel: "Abbrechen",
  leave: "Verlassen",
  leaveTo: (name) => `${name} überlassen`,
  endForAll: "Beenden",
  inCall: "Auch im Gespräch",
  you: {
    consult: "Sie werden gefragt: der Kunde hört Sie nicht",
    guest: "Sie sprechen mit allen",
    listen: "Sie hören mit: niemand hört Sie",
    whisper: "Sie flüstern: der Kunde hört Sie nicht",
    barge: "Sie sprechen mit allen, als Aufsicht",
  },
  role: {
    consult: "wird gefragt",
    guest: "spricht mit allen",
    listen: "hört mit",
    whisper: "flüstert Ihnen zu",
    barge: "Aufsicht, spricht mit allen",
  },
  rings: "klingelt",
  remove: (name) => `${name} aus dem Gespräch nehmen`,
  asks: (name, consult) => (consult ? `Rückfrage von ${name}` : `${name} bittet Sie in ein Gespräch`),
  about: (name) => `Gespräch mit ${name}`,
  pickUp: "Heranholen",
  supervise: "Mithören",
  superviseHint: (name) => `Hört das Gespräch von ${name} mit`,
  mode: "Wie Sie im Gespräch sind",
  modes: { listen: "Mithören", whisper: "Flüstern", barge: "Zuschalten" },
  sound: "Mikrofon und Lautsprecher",
  soundLead: "Für Anrufe in diesem Browser. Ein laufender Anruf wechselt sofort.",
  microphone: "Mikrofon",
  loudspeaker: "Lautsprecher",
  standard: "Wie im System",
  level: "Sprechen Sie: der Balken bewegt sich, wenn man Sie hört",
  testTone: "Ton abspielen",
  noMicrophone: "Der Browser gibt kein Mikrofon: neben der Adresse erlauben.",
  close: "Schließen",
};

export function deskTexts(language: Language): DeskTexts {
  return language === "de" ? de : en;
}
