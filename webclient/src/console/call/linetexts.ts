// What the console says about the lines of calls, in two languages.

import type { LineQuality } from "../../shared/protocol";
import type { Language } from "../settings";

export interface LineTexts {
  lines: string;
  scoreHint: string;
  /** Lost on the way to us and from us, percent; jitter and round trip in ms; kbit/s; the path. */
  figures(lostIn: string, lostOut: string, jitter: string, trip: string, rate: string, path: string): string;
  you: string;
  paths: Record<string, string>;
}

export type LineWord = "good" | "fair" | "poor";

const en: LineTexts = {
  lines: "Lines",
  scoreHint: "Estimated opinion, 1 to 4.4 (E-model)",
  figures: (lostIn, lostOut, jitter, trip, rate, path) =>
    `${path}, ${rate} kbit/s, lost ${lostIn} % to us, ${lostOut} % from us, jitter ${jitter} ms, round trip ${trip} ms`,
  you: "You",
  paths: { udp: "UDP", tcp: "TCP", relay: "Relay" },
};

const de: LineTexts = {
  lines: "Leitungen",
  scoreHint: "Geschätzte Hörernote, 1 bis 4,4 (E-Modell)",
  figures: (lostIn, lostOut, jitter, trip, rate, path) =>
    `${path}, ${rate} kbit/s, Verlust ${lostIn} % zu uns, ${lostOut} % von uns, Jitter ${jitter} ms, Umlauf ${trip} ms`,
  you: "Sie",
  paths: { udp: "UDP", tcp: "TCP", relay: "Relais" },
};

export function lineTexts(language: Language): LineTexts {
  return language === "de" ? de : en;
}

/** An estimated opinion in a word: below 3.5 many are dissatisfied, from 4 on hardly anybody (ITU-T G.107, B.1). */
export function wordOf(mos: number): LineWord {
  if (mos < 3.5) return "poor";
  return mos < 4 ? "fair" : "good";
}

/** The worst line first; ties stay as they came. */
export function worstFirst(lines: readonly LineQuality[]): LineQuality[] {
  return [...lines].sort((a, b) => a.mos - b.mos);
}

/** Whose line it is, for who reads: an agent's id, "" the customer's. */
export function lineOf(
  agent: string,
  me: string,
  customer: string,
  language: Language,
  agents: ReadonlyMap<string, { name: string }>,
): string {
  if (!agent) return customer;
  return agent === me ? lineTexts(language).you : (agents.get(agent)?.name ?? agent);
}

export function figure(n: number, digits: number, language: Language): string {
  return n.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
