// What an agent has begun to write, by conversation, and messages the gateway has not confirmed yet. Both are
// kept in the browser, so that a reload loses nothing.

import { isFields, listOf, parse, text } from "./guard";

/** The part of localStorage that is used. It may be missing or full: then things last as long as the page. */
export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Draft {
  reply: string;
  note: string;
}

export interface Unsent {
  client_id: string;
  conversation: string;
  kind: "message" | "note";
  text: string;
  files: string[];
  at: string;
}

const MOST_DRAFTS = 100;
const EMPTY: Draft = { reply: "", note: "" };

export class Drafts {
  private readonly drafts = new Map<string, Draft>();
  private unsent: Unsent[] = [];
  private readonly key: string;

  constructor(
    private readonly shelf: Shelf | null,
    agent: string,
  ) {
    this.key = `backline.drafts.${agent}`;
    const kept = parse(this.read() ?? "");
    if (!isFields(kept)) return;
    for (const [id, d] of Object.entries(isFields(kept.drafts) ? kept.drafts : {})) {
      if (isFields(d)) this.drafts.set(id, { reply: text(d.reply), note: text(d.note) });
    }
    this.unsent = listOf<Unsent>(kept.unsent, "client_id").filter((u) => typeof u.conversation === "string");
  }

  get(id: string): Draft {
    return this.drafts.get(id) ?? EMPTY;
  }

  set(id: string, d: Draft): void {
    this.drafts.delete(id);
    if (d.reply || d.note) this.drafts.set(id, d);
    const oldest = this.drafts.keys().next().value;
    if (this.drafts.size > MOST_DRAFTS && oldest !== undefined) this.drafts.delete(oldest);
    this.write();
  }

  unconfirmed(): readonly Unsent[] {
    return this.unsent;
  }

  keep(u: Unsent): void {
    this.unsent = [...this.unsent.filter((x) => x.client_id !== u.client_id), u];
    this.write();
  }

  confirmed(clientID: string): void {
    this.unsent = this.unsent.filter((x) => x.client_id !== clientID);
    this.write();
  }

  /** After signing out nothing of it stays in this browser. */
  clear(): void {
    this.drafts.clear();
    this.unsent = [];
    try {
      this.shelf?.removeItem(this.key);
    } catch {
      // nothing was kept
    }
  }

  private read(): string | null {
    try {
      return this.shelf?.getItem(this.key) ?? null;
    } catch {
      return null;
    }
  }

  private write(): void {
    const kept = { drafts: Object.fromEntries(this.drafts), unsent: this.unsent };
    try {
      this.shelf?.setItem(this.key, JSON.stringify(kept));
    } catch {
      // no room: they last as long as the page
    }
  }
}
