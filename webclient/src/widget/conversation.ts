// What has been said: the gateway's items, in order, each once, and how far the visitor has read. It is kept
// with the token, so that the next page shows it at once and asks only for what is new.

import type { Item } from "../shared/protocol";
import type { Keep } from "./keep";

/** How many items the next page shows without asking. */
const KEPT_ITEMS = 100;

interface Kept {
  token?: string;
  after: number;
  read: number;
  seen?: number;
  items: Item[];
  sound?: boolean;
}

export class Conversation {
  items: Item[] = [];
  token = "";
  /** The highest position known to be complete: where to resume. */
  after = 0;
  /** Position of the last item the visitor has seen. */
  read = 0;
  /** Position up to which the company has read. */
  seen = 0;
  sound = false;
  /** The visitor has written: from now on things are kept. */
  begun = false;
  #live = false;

  readonly #keep: Keep;

  constructor(keep: Keep) {
    this.#keep = keep;
    const kept = keep.get("chat") as Partial<Kept> | undefined;
    if (typeof kept !== "object" || kept === null) return;
    this.begun = true;
    this.token = typeof kept.token === "string" ? kept.token : "";
    this.sound = kept.sound === true;
    if (!Array.isArray(kept.items)) return;
    this.items = kept.items.filter((item) => typeof item?.id === "string" && typeof item.text === "string");
    this.after = number(kept.after);
    this.read = number(kept.read);
    this.seen = number(kept.seen);
  }

  /** Takes an item; reports whether it was news. */
  take(item: Item): boolean {
    const i = this.items.findIndex((one) => one.id === item.id);
    const old = this.items[i];
    if (old && old.rev > item.rev) return false;
    if (old) this.items[i] = item;
    else this.items.push(item);
    this.items.sort((a, b) => a.position - b.position);
    // During the replay the order is the gateway's: only "ready" says that nothing is missing.
    if (this.#live) this.after = Math.max(this.after, item.rev);
    this.save();
    return !old;
  }

  /** Everything up to head is here. */
  ready(head: number): void {
    this.#live = true;
    this.after = head;
    this.save();
  }

  down(): void {
    this.#live = false;
  }

  /** What others have said and the visitor has not seen. */
  get unread(): number {
    return this.items.filter((item) => item.position > this.read && fromCompany(item)).length;
  }

  /** Position of the last thing the company said. */
  get last(): number {
    return this.items.findLast(fromCompany)?.position ?? 0;
  }

  begin(): void {
    this.begun = true;
    this.save();
  }

  clear(): void {
    this.items = [];
    this.token = "";
    this.after = this.read = this.seen = 0;
    this.#live = false;
    this.save();
  }

  /** Ends everything: the visitor wants no trace here. */
  erase(): void {
    this.begun = false;
    this.clear();
    this.#keep.set("chat", undefined);
  }

  save(): void {
    if (!this.begun) return;
    const { token, after, read, seen, sound } = this;
    this.#keep.set("chat", { token, after, read, seen, sound, items: this.items.slice(-KEPT_ITEMS) } satisfies Kept);
  }
}

export function fromCompany(item: Item): boolean {
  return item.kind === "message" && item.direction !== "inbound";
}

function number(v: unknown): number {
  return typeof v === "number" ? v : 0;
}
