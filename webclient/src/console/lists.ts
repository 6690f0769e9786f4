// Which conversation stands in which tab, and in which order. Pure.

import type { Conversation } from "../shared/protocol";
import { legOf } from "./call/view";

export type Tab = "mine" | "waiting" | "everyone" | "done";
export const TABS: readonly Tab[] = ["mine", "waiting", "everyone", "done"];

export function isOpen(c: Conversation): boolean {
  return c.state !== "closed";
}

/** It rings at this agent. */
export function ringsAt(c: Conversation, agent: string): boolean {
  return c.state === "offered" && (c.offer?.agents ?? []).includes(agent);
}

export function isMine(c: Conversation, agent: string): boolean {
  return isOpen(c) && (c.agent === agent || ringsAt(c, agent) || legOf(c.call, agent) !== null);
}

export function isWaiting(c: Conversation): boolean {
  return c.state === "waiting" || c.state === "offered";
}

export function inTab(c: Conversation, tab: Tab, agent: string): boolean {
  switch (tab) {
    case "mine":
      return isMine(c, agent);
    case "waiting":
      return isWaiting(c);
    case "everyone":
      return isOpen(c);
    case "done":
      return !isOpen(c);
  }
}

type Order = (a: Conversation, b: Conversation) => number;

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const newest: Order = (a, b) => byText(b.last_at, a.last_at) || byText(a.id, b.id);
const oldestWaiting: Order = (a, b) =>
  b.priority - a.priority ||
  byText(a.waiting_since ?? a.opened_at, b.waiting_since ?? b.opened_at) ||
  byText(a.id, b.id);
const newestClosed: Order = (a, b) => byText(b.closed_at ?? b.last_at, a.closed_at ?? a.last_at) || byText(a.id, b.id);

function order(tab: Tab, agent: string): Order {
  const ringsFirst: Order = (a, b) => Number(ringsAt(b, agent)) - Number(ringsAt(a, agent));
  switch (tab) {
    case "mine":
      return (a, b) => ringsFirst(a, b) || newest(a, b);
    case "waiting":
      return (a, b) => ringsFirst(a, b) || oldestWaiting(a, b);
    case "everyone":
      return (a, b) => ringsFirst(a, b) || newest(a, b);
    case "done":
      return newestClosed;
  }
}

export function rowsOf(all: Iterable<Conversation>, tab: Tab, agent: string): Conversation[] {
  const rows: Conversation[] = [];
  for (const c of all) if (inTab(c, tab, agent)) rows.push(c);
  return rows.sort(order(tab, agent));
}

export interface Counts {
  mine: number;
  waiting: number;
  everyone: number;
  unread: number;
}

/** The numbers beside the tabs; unread counts conversations of mine with something new. */
export function countsOf(all: Iterable<Conversation>, agent: string): Counts {
  const n: Counts = { mine: 0, waiting: 0, everyone: 0, unread: 0 };
  for (const c of all) {
    if (!isOpen(c)) continue;
    n.everyone++;
    if (isWaiting(c)) n.waiting++;
    if (!isMine(c, agent)) continue;
    n.mine++;
    if (c.unread > 0) n.unread++;
  }
  return n;
}

/** The rows of a list that are drawn: those in view and a few around them. */
export function windowOf(total: number, rowPx: number, scrollPx: number, viewPx: number, around = 6) {
  const first = Math.max(0, Math.min(total, Math.floor(scrollPx / rowPx) - around));
  const last = Math.max(first, Math.min(total, Math.ceil((scrollPx + viewPx) / rowPx) + around));
  return { first, last };
}

/** The neighbour of a row: step 1 is the next, −1 the one before; without a row the first. */
export function neighbour(rows: readonly Conversation[], id: string, step: 1 | -1): Conversation | undefined {
  const at = rows.findIndex((c) => c.id === id);
  if (at < 0) return rows[0];
  return rows[Math.max(0, Math.min(rows.length - 1, at + step))];
}
