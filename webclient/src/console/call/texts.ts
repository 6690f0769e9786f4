// What the console says about calls, in two languages, each written for itself.

import type { MicTrouble } from "../../shared/call";
import type { Quality } from "../../shared/call-quality";
import type { CallRecord } from "../../shared/protocol";
import type { Language } from "../settings";
import { stopwatch } from "../thread/format";
import type { MicState } from "./mic";

export interface CallTexts {
  language: Language;
  incoming: string;
  waited(time: string): string;
  left(time: string): string;
  quote(said: string): string;
  fromLink: string;
  fromPage(page: string): string;
  fromChat: string;
  region: string;
  state: {
    asking: string;
    joining: string;
    rings: string;
    talking: string;
    interrupted: string;
    elsewhere: string;
    gone: string;
    noMicrophone: string;
  };
  peerAbsent(name: string): string;
  peerInterrupted(name: string): string;
  quality: Record<Quality, string>;
  level: string;
  mute: string;
  unmute: string;
  hangUp: string;
  takeHere: string;
  joinAgain: string;
  open: string;
  mutedSpeaking: string;
  micPaused: string;
  micLost: string;
  inCall: string;
  inCallWith(name: string): string;
  call: string;
  callHint(name: string): string;
  callOffline: string;
  callBusy: string;
  hangUpFirst: string;
  wrapUp: string;
  wrapUpHint: string;
  readyNow: string;
  writeNote: string;
  dismiss: string;
  over(record: CallRecord, name: string): string;
  asks: string;
  trouble: Record<MicTrouble, string>;
  otherDevice: string;
  mic: Partial<Record<MicState, string>>;
  allow: string;
  checkAgain: string;
  preview(record: CallRecord): string;
  previewWaiting: string;
  previewRinging: string;
  previewCall(time: string): string;
  previewHeld(time: string): string;
  item: {
    running(from: string, customer: string): string;
    ended(record: CallRecord, customer: string): string;
    talked(time: string): string;
    held(time: string): string;
    answeredBy(name: string, wait: string): string;
    waited(wait: string): string;
    reasons: Record<string, string>;
  };
}

const en: CallTexts = {
  language: "en",
  incoming: "Incoming call",
  waited: (time) => `waits ${time}`,
  left: (time) => `${time} left`,
  quote: (said) => `“${said}”`,
  fromLink: "From a talk link:",
  fromPage: (page) => `From the page ${page}`,
  fromChat: "From the chat:",
  region: "Call",
  state: {
    asking: "Waiting for the microphone",
    joining: "Connecting",
    rings: "Rings at the customer",
    talking: "In a call",
    interrupted: "Your line is interrupted, it comes back by itself",
    elsewhere: "You are in this call on another device",
    gone: "Your line could not be restored",
    noMicrophone: "Without a microphone you cannot be heard",
  },
  peerAbsent: (name) => `${name} is not on the line yet`,
  peerInterrupted: (name) => `${name}’s line is interrupted`,
  quality: { good: "Good line", fair: "Fair line", poor: "Poor line" },
  level: "Your microphone",
  mute: "Mute",
  unmute: "Unmute",
  hangUp: "Hang up",
  takeHere: "Take it here",
  joinAgain: "Join again",
  open: "Show the call",
  mutedSpeaking: "You speak, but you are muted",
  micPaused: "The system has paused the microphone",
  micLost: "The microphone is gone: nobody hears you",
  inCall: "in a call",
  inCallWith: (name) => `In a call with ${name}`,
  call: "Call",
  callHint: (name) => `Calls ${name} on the open page`,
  callOffline: "The customer’s page is closed",
  callBusy: "You are in a call",
  hangUpFirst: "Hang up first",
  wrapUp: "Wrap-up",
  wrapUpHint: "Time to note what was agreed. Nothing rings here meanwhile.",
  readyNow: "Ready now",
  writeNote: "Write a note",
  dismiss: "Close",
  over: (r, name) => (r.outcome === "declined" ? `${name} declined the call` : `${name} did not answer`),
  asks: "The browser asks for the microphone: allow it to take the call.",
  trouble: {
    denied: "This browser may not use the microphone: allow it beside the address, then accept again.",
    blocked: "A rule of this computer or page keeps the microphone from the console.",
    missing: "There is no microphone here. Plug one in and accept again.",
    busy: "Another program has the microphone. Close it there and accept again.",
    insecure: "Without https the browser gives no microphone. Open the console by its https address.",
    unsupported: "This browser cannot make calls.",
  },
  otherDevice: "It still rings; you can accept on another device.",
  mic: {
    ask: "Calls need the microphone. Allow it now, so that nobody waits for it later.",
    denied: "The microphone is blocked in this browser: calls cannot be taken here. Allow it beside the address.",
    blocked: "A rule of this computer keeps the microphone from the console: calls cannot be taken here.",
    missing: "No microphone here: calls cannot be taken on this device.",
    busy: "Another program has the microphone.",
    insecure: "This page came without https: the browser gives it no microphone for calls.",
    unsupported: "This browser cannot make calls.",
  },
  allow: "Allow the microphone",
  checkAgain: "Check again",
  preview: (r) => {
    if (r.outcome === "answered") return `Call, ${stopwatch(r.talk_ms)}`;
    if (r.outcome === "missed") return `Missed call, waited ${stopwatch(r.wait_ms)}`;
    return r.outcome === "declined" ? "Call declined" : "Call, no answer";
  },
  previewWaiting: "Call, waits",
  previewRinging: "Being called",
  previewCall: (time) => `In a call, ${time}`,
  previewHeld: (time) => `On hold, ${time}`,
  item: {
    running: (from, customer) => (from === "agent" ? `Call to ${customer}` : `Call from ${customer}`),
    ended: (r, customer) => {
      if (r.from === "agent") return r.outcome === "answered" ? `Call to ${customer}` : `Called ${customer}`;
      return r.outcome === "missed" ? `Missed call from ${customer}` : `Call from ${customer}`;
    },
    talked: (time) => `talked ${time}`,
    held: (time) => `on hold ${time} of it`,
    answeredBy: (name, wait) => `${name} answered after ${wait}`,
    waited: (wait) => `waited ${wait}`,
    reasons: {
      customer: "the customer hung up",
      agent: "hung up here",
      declined: "declined",
      no_answer: "no answer",
      lost: "the customer’s line broke",
    },
  },
};

const de: CallTexts = {
  language: "de",
  incoming: "Eingehender Anruf",
  waited: (time) => `wartet ${time}`,
  left: (time) => `noch ${time}`,
  quote: (said) => `„${said}“`,
  fromLink: "Von einem Talk-Link:",
  fromPage: (page) => `Von der Seite ${page}`,
  fromChat: "Aus dem Chat:",
  region: "Anruf",
  state: {
    asking: "Wartet auf das Mikrofon",
    joining: "Verbindet",
    rings: "Klingelt beim Kunden",
    talking: "Im Gespräch",
    interrupted: "Ihre Leitung ist unterbrochen, sie kommt von selbst wieder",
    elsewhere: "Dieses Gespräch führen Sie auf einem anderen Gerät",
    gone: "Ihre Leitung ließ sich nicht wiederherstellen",
    noMicrophone: "Ohne Mikrofon hört Sie niemand",
  },
  peerAbsent: (name) => `${name} ist noch nicht in der Leitung`,
  peerInterrupted: (name) => `Die Leitung von ${name} ist unterbrochen`,
  quality: { good: "Gute Leitung", fair: "Mäßige Leitung", poor: "Schlechte Leitung" },
  level: "Ihr Mikrofon",
  mute: "Stumm",
  unmute: "Ton an",
  hangUp: "Auflegen",
  takeHere: "Hierher holen",
  joinAgain: "Wieder einsteigen",
  open: "Anruf zeigen",
  mutedSpeaking: "Sie sprechen, sind aber stumm geschaltet",
  micPaused: "Das System hat das Mikrofon angehalten",
  micLost: "Das Mikrofon ist weg: Sie werden nicht gehört",
  inCall: "im Gespräch",
  inCallWith: (name) => `Im Gespräch mit ${name}`,
  call: "Anrufen",
  callHint: (name) => `Ruft ${name} auf der offenen Seite an`,
  callOffline: "Die Seite des Kunden ist geschlossen",
  callBusy: "Sie führen gerade ein Gespräch",
  hangUpFirst: "Erst auflegen",
  wrapUp: "Nacharbeit",
  wrapUpHint: "Zeit, das Besprochene festzuhalten. Solange klingelt hier nichts.",
  readyNow: "Jetzt bereit",
  writeNote: "Notiz schreiben",
  dismiss: "Schließen",
  over: (r, name) => (r.outcome === "declined" ? `${name} hat abgelehnt` : `${name} hat nicht angenommen`),
  asks: "Der Browser fragt nach dem Mikrofon: erlauben Sie es, um den Anruf anzunehmen.",
  trouble: {
    denied: "Dieser Browser darf das Mikrofon nicht benutzen: neben der Adresse erlauben, dann noch einmal annehmen.",
    blocked: "Eine Regel dieses Rechners oder dieser Seite sperrt das Mikrofon.",
    missing: "Hier ist kein Mikrofon. Stecken Sie eines an und nehmen Sie noch einmal an.",
    busy: "Ein anderes Programm benutzt das Mikrofon. Beenden Sie es dort und nehmen Sie noch einmal an.",
    insecure: "Ohne https gibt der Browser kein Mikrofon frei. Öffnen Sie die Konsole über ihre https-Adresse.",
    unsupported: "Mit diesem Browser kann man nicht telefonieren.",
  },
  otherDevice: "Es klingelt weiter; annehmen können Sie auf einem anderen Gerät.",
  mic: {
    ask: "Anrufe brauchen das Mikrofon. Erlauben Sie es jetzt, damit später niemand darauf wartet.",
    denied:
      "Das Mikrofon ist in diesem Browser gesperrt: Anrufe lassen sich hier nicht annehmen. Neben der Adresse erlauben.",
    blocked: "Eine Regel dieses Rechners sperrt das Mikrofon: Anrufe lassen sich hier nicht annehmen.",
    missing: "Hier ist kein Mikrofon: Anrufe lassen sich auf diesem Gerät nicht annehmen.",
    busy: "Ein anderes Programm benutzt das Mikrofon.",
    insecure: "Diese Seite kam ohne https: der Browser gibt ihr kein Mikrofon für Anrufe.",
    unsupported: "Mit diesem Browser kann man nicht telefonieren.",
  },
  allow: "Mikrofon erlauben",
  checkAgain: "Noch einmal prüfen",
  preview: (r) => {
    if (r.outcome === "answered") return `Anruf, ${stopwatch(r.talk_ms)}`;
    if (r.outcome === "missed") return `Verpasster Anruf, wartete ${stopwatch(r.wait_ms)}`;
    return r.outcome === "declined" ? "Anruf abgelehnt" : "Anruf, nicht angenommen";
  },
  previewWaiting: "Anruf, wartet",
  previewRinging: "Wird angerufen",
  previewCall: (time) => `Im Gespräch, ${time}`,
  previewHeld: (time) => `Gehalten, ${time}`,
  item: {
    running: (from, customer) => (from === "agent" ? `Anruf an ${customer}` : `Anruf von ${customer}`),
    ended: (r, customer) => {
      if (r.from === "agent") return `Anruf an ${customer}`;
      return r.outcome === "missed" ? `Verpasster Anruf von ${customer}` : `Anruf von ${customer}`;
    },
    talked: (time) => `Dauer ${time}`,
    held: (time) => `davon gehalten ${time}`,
    answeredBy: (name, wait) => `angenommen von ${name} nach ${wait}`,
    waited: (wait) => `wartete ${wait}`,
    reasons: {
      customer: "vom Kunden beendet",
      agent: "hier aufgelegt",
      declined: "abgelehnt",
      no_answer: "nicht angenommen",
      lost: "die Leitung des Kunden riss ab",
    },
  },
};

export function callTexts(language: Language): CallTexts {
  return language === "de" ? de : en;
}
