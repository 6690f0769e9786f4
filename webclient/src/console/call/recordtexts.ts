// What the console says about recordings of calls and meetings, in two languages, each written for itself.

import type { RecordingState } from "../../shared/protocol";
import type { Language } from "../settings";

export interface RecordTexts {
  language: Language;
  state: Record<RecordingState, string>;
  record: string;
  stop: string;
  recording: string;
  customer: string;
  play: string;
  pause: string;
  position: string;
  at(time: string, of: string): string;
  loading: string;
  failed: string;
  again: string;
  forbidden: string;
  running: string;
  deleted(when: string, by: string): string;
  agreed(when: string): string;
  told: string;
  allTold: string;
  guestAgreed(name: string, when: string): string;
  leftOut(n: number): string;
  dropped(time: string): string;
  ended: Partial<Record<string, string>>;
  until(when: string): string;
  details: string;
  heard: string;
  nobody: string;
  download(side: string): string;
}

const en: RecordTexts = {
  language: "en",
  state: {
    asked: "The customer is asked whether you may record",
    refused: "The customer does not want a recording",
    notice: "Both of you hear that the call is recorded …",
    on: "Recording",
    stopped: "Recording stopped",
    failed: "The recording failed: it could not be written. The call goes on.",
  },
  record: "Record",
  stop: "Stop recording",
  recording: "Recording",
  customer: "Customer",
  play: "Play recording",
  pause: "Pause recording",
  position: "Position in the recording",
  at: (time, of) => `${time} of ${of}`,
  loading: "Recording is being loaded …",
  failed: "The recording cannot be loaded.",
  again: "Try again",
  forbidden: "You may not listen to this recording.",
  running: "Recording runs",
  deleted: (when, by) =>
    by ? `Recording deleted on ${when} by ${by}` : `Recording deleted on ${when}: its time was over`,
  agreed: (when) => `The customer agreed by a click, ${when}.`,
  told: "The customer was told before it began.",
  allTold: "Everybody heard that it is recorded before anything they said was.",
  guestAgreed: (name, when) => `${name} agreed by a click, ${when}.`,
  leftOut: (n) =>
    n === 1 ? "One more person spoke, for whom there was no track." : `${n} more spoke, for whom there was no track.`,
  dropped: (time) => `${time} are missing: the disk was too slow.`,
  ended: {
    failed: "It ends early: it could not be written any more.",
    restart: "It ends early: the gateway was restarted.",
    limit: "It ends at its greatest length.",
  },
  until: (when) => `Kept until ${when}.`,
  details: "About this recording",
  heard: "Listened to by",
  nobody: "nobody yet",
  download: (side) => `Save: ${side}`,
};

const de: RecordTexts = {
  language: "de",
  state: {
    asked: "Der Kunde wird gefragt, ob Sie aufzeichnen dürfen",
    refused: "Der Kunde möchte keine Aufzeichnung",
    notice: "Sie beide hören, dass aufgezeichnet wird …",
    on: "Aufzeichnung läuft",
    stopped: "Aufzeichnung beendet",
    failed: "Aufzeichnung gescheitert: Sie ließ sich nicht speichern. Das Gespräch geht weiter.",
  },
  record: "Aufzeichnen",
  stop: "Aufzeichnung beenden",
  recording: "Aufzeichnung",
  customer: "Kunde",
  play: "Aufzeichnung abspielen",
  pause: "Aufzeichnung anhalten",
  position: "Stelle in der Aufzeichnung",
  at: (time, of) => `${time} von ${of}`,
  loading: "Die Aufzeichnung wird geladen …",
  failed: "Die Aufzeichnung lässt sich nicht laden.",
  again: "Noch einmal",
  forbidden: "Diese Aufzeichnung dürfen Sie nicht anhören.",
  running: "Aufzeichnung läuft",
  deleted: (when, by) =>
    by ? `Aufzeichnung am ${when} von ${by} gelöscht` : `Aufzeichnung am ${when} gelöscht: Ihre Zeit war um`,
  agreed: (when) => `Der Kunde hat per Klick zugestimmt, ${when}.`,
  told: "Der Kunde wurde vorher darauf hingewiesen.",
  allTold: "Alle haben den Hinweis gehört, bevor etwas von ihnen aufgezeichnet wurde.",
  guestAgreed: (name, when) => `Per Klick zugestimmt hat ${name}, ${when}.`,
  leftOut: (n) =>
    n === 1
      ? "Es sprach noch jemand, für den keine Spur mehr da war."
      : `Es sprachen noch ${n} Personen, für die keine Spur mehr da war.`,
  dropped: (time) => `Es fehlen ${time}: Der Datenträger war zu langsam.`,
  ended: {
    failed: "Sie endet vorzeitig: Sie ließ sich nicht weiter speichern.",
    restart: "Sie endet vorzeitig: Das Gateway wurde neu gestartet.",
    limit: "Sie endet bei der größten Länge.",
  },
  until: (when) => `Wird bis ${when} aufbewahrt.`,
  details: "Zu dieser Aufzeichnung",
  heard: "Angehört von",
  nobody: "noch niemandem",
  download: (side) => `Speichern: ${side}`,
};

export function recordTexts(language: Language): RecordTexts {
  return language === "de" ? de : en;
}
