// The timeline of one conversation: items in the order in which they happened, each in its newest form.

import type { Item } from "../shared/protocol";

/** Merges items into a timeline; of two with the same id the one with the higher rev stays. */
export function mergeItems(have: readonly Item[], come: readonly Item[]): Item[] {
  const byId = new Map(have.map((it) => [it.id, it]));
  for (const it of come) {
    const old = byId.get(it.id);
    if (!old || it.rev >= old.rev) byId.set(it.id, it);
  }
  return [...byId.values()].sort((a, b) => a.position - b.position || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The local day of a time, as a key: "2026-11-24". */
export function dayOf(time: string): string {
  const d = new Date(time);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

export type Line =
  | { kind: "day"; key: string; time: string }
  | { kind: "item"; key: string; item: Item; first: boolean };

const GROUP_MS = 5 * 60_000;

/** Adds day separators, and says which messages begin a group (same person, within five minutes). */
export function linesOf(items: readonly Item[]): Line[] {
  const out: Line[] = [];
  let day = "";
  let before: Item | undefined;
  for (const item of items) {
    const d = dayOf(item.time);
    if (d !== day) {
      out.push({ kind: "day", key: `day-${d}-${item.position}`, time: item.time });
      day = d;
      before = undefined;
    }
    out.push({ kind: "item", key: item.id, item, first: !before || !sameGroup(before, item) });
    before = item;
  }
  return out;
}

function sameGroup(a: Item, b: Item): boolean {
  return (
    a.kind === b.kind &&
    a.kind !== "event" &&
    a.direction === b.direction &&
    a.channel === b.channel &&
    a.from.kind === b.from.kind &&
    a.from.id === b.from.id &&
    Date.parse(b.time) - Date.parse(a.time) < GROUP_MS
  );
}

/** The position up to which an agent who sees all these has read. */
export function lastPosition(items: readonly Item[]): number {
  return items.reduce((most, it) => Math.max(most, it.position), 0);
}
