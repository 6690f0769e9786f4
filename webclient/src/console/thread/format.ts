// Times, sizes and names as they are written. Pure; the language is handed in.

import { dayOf } from "../timeline";

export type Language = "de" | "en";

const LOCALE: Record<Language, string> = { de: "de-DE", en: "en-GB" };
const DAY_MS = 86_400_000;

export function clock(time: string | number, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { hour: "2-digit", minute: "2-digit" }).format(new Date(time));
}

/** The whole date and time, for titles. */
export function moment(time: string | number, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { dateStyle: "full", timeStyle: "short" }).format(new Date(time));
}

/** "14:20" today, "Wed 14:20" within a week, else with the date. */
export function when(time: string | number, now: number, language: Language): string {
  const at = new Date(time);
  const hours = clock(time, language);
  if (dayOf(at.toISOString()) === dayOf(new Date(now).toISOString())) return hours;
  const near = Math.abs(at.getTime() - now) < 6 * DAY_MS;
  const options: Intl.DateTimeFormatOptions = near ? { weekday: "short" } : { day: "numeric", month: "short" };
  return `${new Intl.DateTimeFormat(LOCALE[language], options).format(at)} ${hours}`;
}

/** The word above a day: today, yesterday, a weekday with its date; the year when it is another. */
export function dayName(time: string, now: number, language: Language, today: string, yesterday: string): string {
  const day = dayOf(time);
  if (day === dayOf(new Date(now).toISOString())) return today;
  if (day === dayOf(new Date(now - DAY_MS).toISOString())) return yesterday;
  const at = new Date(time);
  const year = at.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(LOCALE[language], { weekday: "long", day: "numeric", month: "long", ...year }).format(
    at,
  );
}

/** "3 h 12 min", "12 min", "40 s": two units at most. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? `${h} h` : `${h} h ${min % 60} min`;
  const d = Math.floor(h / 24);
  return h % 24 === 0 ? `${d} d` : `${d} d ${h % 24} h`;
}

/** Reads the gateway's durations, "1h2m3s"; NaN when it is none. */
export function parseSpan(text: string): number {
  const m = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  if (!m || text === "") return Number.NaN;
  return (Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3] ?? 0)) * 1000;
}

/** "0:21", "12:04", "1:02:04": how long somebody waited. */
export function stopwatch(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const min = Math.floor(s / 60) % 60;
  return h > 0 ? `${h}:${two(min)}:${two(s % 60)}` : `${min}:${two(s % 60)}`;
}

export function fileSize(bytes: number, language: Language): string {
  const number = (n: number) =>
    new Intl.NumberFormat(LOCALE[language], { maximumFractionDigits: n < 10 ? 1 : 0 }).format(n);
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${number(Math.round(bytes / 1000))} KB`;
  return `${number(bytes / 1_000_000)} MB`;
}

/** A number that has little room: "999", "1.2k", "34k". */
export function short(n: number, language: Language): string {
  if (n < 1000) return String(n);
  const thousands = n < 9950 ? Math.round(n / 100) / 10 : Math.round(n / 1000);
  return `${new Intl.NumberFormat(LOCALE[language]).format(thousands)}k`;
}

/** Two letters; "" for a name without any, such as a number. */
export function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter((w) => /\p{L}/u.test(w));
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters
    .map((w) => [...(w ?? "")].find((ch) => /\p{L}/u.test(ch)) ?? "")
    .join("")
    .toUpperCase();
}

/** A turn of the colour wheel, in degrees, of six. */
export function turnOf(name: string): number {
  let hash = 2166136261;
  for (const ch of name) hash = Math.imul(hash ^ (ch.codePointAt(0) ?? 0), 16777619);
  return ((hash >>> 8) % 6) * 60;
}
