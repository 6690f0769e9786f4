// The emergency switch as the REST side tells it, and what the page shows of it.

import type { Emergency } from "../../shared/protocol";
import { isFields, list, text } from "../guard";

/** One time somebody pressed the switch. */
export interface Press {
  /** text: other texts while it was on. */
  change: "on" | "off" | "text";
  at: string;
  by: string;
  why: string;
}

export interface EmergencyState extends Emergency {
  /** What customers are told, or would be, by language. */
  prepared: Record<string, string>;
  /** What the configuration says where no other text is given. */
  defaults: Record<string, string>;
  /** Earlier presses, the newest first. */
  log: Press[];
}

export const MAX_WHY = 200;
export const MAX_TEXT = 500;

export function emergencyOf(v: unknown): EmergencyState | null {
  if (!isFields(v) || typeof v.on !== "boolean") return null;
  const defaults = textsOf(v.defaults);
  return {
    on: v.on,
    since: text(v.since) || null,
    by: text(v.by),
    why: text(v.why),
    text: textsOf(v.text),
    prepared: { ...defaults, ...textsOf(v.text) },
    defaults,
    log: list(v.log).flatMap(pressOf),
  };
}

function textsOf(v: unknown): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [language, said] of Object.entries(isFields(v) ? v : {})) if (text(said)) out[language] = text(said);
  return out;
}

function pressOf(v: unknown): Press[] {
  if (!isFields(v) || !text(v.at)) return [];
  const change = v.change === "text" ? "text" : v.on === true ? "on" : "off";
  return [{ change, at: text(v.at), by: text(v.by), why: text(v.why) }];
}

/** German and English first, then what the configuration adds. */
export function languagesOf(texts: Readonly<Record<string, string>> | null): string[] {
  const first = ["de", "en"];
  return [
    ...first,
    ...Object.keys(texts ?? {})
      .filter((l) => !first.includes(l))
      .sort(),
  ];
}

/** The company's name was typed: case and blanks around do not matter. An empty name is never typed. */
export function isTyped(typed: string, company: string): boolean {
  const plain = (s: string) => s.normalize("NFC").trim().replaceAll(/\s+/g, " ").toLocaleLowerCase();
  return plain(company) !== "" && plain(typed) === plain(company);
}
