// The rows of a thread: what stands under what, and where a group begins and ends. Pure.

import type { Item } from "../../shared/protocol";
import { linesOf } from "../timeline";

export type Row =
  | { kind: "day"; key: string; time: string }
  | { kind: "unread"; key: string }
  | { kind: "events"; key: string; items: Item[] }
  | { kind: "call"; key: string; item: Item }
  | { kind: "meeting"; key: string; item: Item }
  | MessageRow;

export interface MessageRow {
  kind: "message";
  key: string;
  item: Item;
  /** The first of a group carries name and time. */
  first: boolean;
  /** The delivery state is said here; below others of the same state it would only repeat. */
  state: boolean;
  /** This failed message was submitted once more. */
  resent: boolean;
}

/** Events nearer together than this share one line, up to MOST_EVENTS. */
const EVENTS_MS = 5 * 60_000;
const MOST_EVENTS = 4;
const RESEND = "resend/";

/** unreadFrom is the id of the first message nobody has seen; "" for none. */
export function rowsOf(items: readonly Item[], unreadFrom = ""): Row[] {
  const resent = new Set<string>();
  for (const it of items) if (it.client_id?.startsWith(RESEND)) resent.add(it.client_id.slice(RESEND.length));
  const out: Row[] = [];
  for (const line of linesOf(items)) {
    if (line.kind === "day") {
      out.push(line);
      continue;
    }
    const { item, first } = line;
    const before = out.at(-1);
    if (item.kind === "event") {
      addEvent(out, before, item);
      continue;
    }
    if (item.kind === "call" || item.kind === "meeting") {
      out.push({ kind: item.kind, key: item.id, item });
      continue;
    }
    const marked = unreadFrom !== "" && item.id === unreadFrom && out.some((r) => r.kind === "message");
    if (marked) out.push({ kind: "unread", key: "unread" });
    const follows = !first && !marked && before?.kind === "message" && before.item.standby === item.standby;
    if (follows && before.item.delivery === item.delivery && !failed(item)) before.state = false;
    const row: MessageRow = { kind: "message", key: item.id, item, first: !follows, state: true, resent: false };
    row.resent = resent.has(item.id);
    out.push(row);
  }
  return out;
}

function addEvent(out: Row[], before: Row | undefined, item: Item): void {
  if (before?.kind === "events" && before.items.length < MOST_EVENTS) {
    const last = before.items.at(-1);
    if (last && Date.parse(item.time) - Date.parse(last.time) < EVENTS_MS) {
      before.items.push(item);
      return;
    }
  }
  out.push({ kind: "events", key: item.id, items: [item] });
}

export function failed(item: Item): boolean {
  return item.delivery === "failed" || item.delivery === "uncertain";
}

/** The id of the first of the last n inbound messages, "" when there is none. */
export function unreadStart(items: readonly Item[], n: number): string {
  let left = n;
  for (let i = items.length - 1; i >= 0 && left > 0; i--) {
    const it = items[i];
    if (it?.kind !== "message" || it.direction !== "inbound") continue;
    left--;
    if (left === 0) return it.id;
  }
  return "";
}
