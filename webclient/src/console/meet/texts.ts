// What the console says about video meetings, in two languages, each written for itself.

import type { MeetingRecord } from "../../shared/protocol";
import type { Language } from "../settings";

export interface MeetTexts {
  video: string;
  join: string;
  hint: string;
  title: string;
  lead: string;
  sendAndOpen: string;
  openOnly: string;
  copy: string;
  copied: string;
  preparing: string;
  close: string;
  /** What the customer is sent. */
  invitation(url: string): string;
  waits(names: string): string;
  preview(name: string): string;
  previewOpen: string;
  incoming: string;
  item: {
    open: string;
    knocked(name: string): string;
    held: string;
    missed: string;
    unused: string;
    in(names: string): string;
    here(names: string): string;
    recorded: string;
    took(time: string): string;
    endedBy(name: string): string;
    gaveUp: string;
  };
  said(name: string, text: string): string;
}

const en: MeetTexts = {
  video: "Video",
  join: "Join video",
  hint: "Meet by video: the customer needs nothing but the link",
  title: "Video meeting",
  lead: "The customer gets a link. You let them in.",
  sendAndOpen: "Send the link and open",
  openOnly: "Open without sending",
  copy: "Copy the link",
  copied: "Copied",
  preparing: "Preparing the meeting …",
  close: "Close",
  invitation: (url) => `Let us meet by video. Open this link in your browser, there is nothing to install: ${url}`,
  waits: (names) => `${names} at the door of the video meeting`,
  preview: (name) => `${name || "Somebody"} asks for a video meeting`,
  previewOpen: "Video meeting",
  incoming: "Video meeting",
  item: {
    open: "Video meeting",
    knocked: (name) => `${name || "Somebody"} asks for a video meeting`,
    held: "Video meeting",
    missed: "Missed video meeting",
    unused: "Video meeting, nobody came",
    in: (names) => `with ${names}`,
    here: (names) => `in it now: ${names}`,
    recorded: "being recorded",
    took: (time) => `${time} long`,
    endedBy: (name) => `ended by ${name}`,
    gaveUp: "left before anybody let them in",
  },
  said: (name, text) => `${name} wrote in the meeting: ${text}`,
};

const de: MeetTexts = {
  video: "Video",
  join: "Zum Video",
  hint: "Per Video treffen: Der Kunde braucht nur den Link",
  title: "Videogespräch",
  lead: "Der Kunde bekommt einen Link. Sie lassen ihn herein.",
  sendAndOpen: "Link senden und öffnen",
  openOnly: "Öffnen, ohne zu senden",
  copy: "Link kopieren",
  copied: "Kopiert",
  preparing: "Das Gespräch wird vorbereitet …",
  close: "Schließen",
  invitation: (url) =>
    `Sprechen wir per Video. Öffnen Sie diesen Link in Ihrem Browser, zu installieren ist nichts: ${url}`,
  waits: (names) => `${names} vor der Tür des Videogesprächs`,
  preview: (name) => `${name || "Jemand"} bittet um ein Videogespräch`,
  previewOpen: "Videogespräch",
  incoming: "Videogespräch",
  item: {
    open: "Videogespräch",
    knocked: (name) => `${name || "Jemand"} bittet um ein Videogespräch`,
    held: "Videogespräch",
    missed: "Verpasstes Videogespräch",
    unused: "Videogespräch, es kam niemand",
    in: (names) => `mit ${names}`,
    here: (names) => `jetzt dabei: ${names}`,
    recorded: "wird aufgezeichnet",
    took: (time) => `${time} lang`,
    endedBy: (name) => `beendet von ${name}`,
    gaveUp: "ging, bevor jemand einließ",
  },
  said: (name, text) => `${name} schrieb im Videogespräch: ${text}`,
};

export function meetTexts(language: Language): MeetTexts {
  return language === "de" ? de : en;
}

/** How a meeting went, in a few words. */
export function outcomeOf(m: MeetingRecord, language: Language): string {
  const t = meetTexts(language).item;
  if (m.outcome === "missed") return t.missed;
  return m.outcome === "held" ? t.held : t.unused;
}
