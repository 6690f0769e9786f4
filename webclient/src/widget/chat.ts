// The chat behind the views: joins connection, conversation and outbox, and knows what the visitor is told.
// Views read its fields and call its methods; changed is called after each change.

import {
  type Attachment,
  type Company,
  type Item,
  type Link,
  type Status,
  VERSION,
  type VisitorClientFrame,
  type VisitorContact,
  type VisitorServerFrame,
} from "../shared/protocol";
import type { Calls } from "./calls";
import { type Connection, connection, type Line, type LineState } from "./connection";
import { Conversation, fromCompany } from "./conversation";
import type { Keep } from "./keep";
import { Outbox, type Special } from "./outbox";

export interface ChatOptions {
  bases: string[];
  /** Name of the site; "link:" on the page of a link. */
  site: string;
  /** The token of a signed link, whose page this is. */
  link?: string | undefined;
  language(): string;
  /** The path of the page, without query. */
  page(): string;
  /** Whether the visitor can see the conversation at this moment. */
  looking(): boolean;
  dial(url: string): Line;
  keep: Keep;
  /** News of the company while nobody looked or while somebody did. */
  rang(): void;
  changed(): void;
  /** Loads what calls need. */
  calls(): Promise<Calls>;
}

const TYPING_SHOWN_MS = 6000;
const TYPING_EVERY_MS = 2000;
const LOST_MS = 1500; // a change of the gateway is faster and none of the visitor's business

export class Chat {
  company: Company = { name: "", language: "", color: "" };
  /** Undefined until the gateway has said it. */
  status: Status | undefined;
  /** The history is complete. */
  ready = false;
  /** Name of the agent who types; "" when nobody does. */
  typing = "";
  /** The connection has been gone for so long that the visitor should know. */
  lost = false;
  /** Uploads under way. */
  uploading = 0;
  /** Calls, once somebody wanted one. */
  call: Calls | undefined;
  /** What the link of this page says. */
  link: Link | undefined;
  /** How far the gateway's clock is ahead of ours, in ms. */
  ahead = 0;
  readonly talk: Conversation;
  readonly outbox: Outbox;
  readonly line: Connection;
  #typed = 0;
  #told = { got: 0, read: 0 };
  #losing: ReturnType<typeof setTimeout> | undefined;
  #typingEnds: ReturnType<typeof setTimeout> | undefined;
  #calls: Promise<Calls> | undefined;

  readonly #o: ChatOptions;

  constructor(o: ChatOptions) {
    this.#o = o;
    this.talk = new Conversation(o.keep);
    this.outbox = new Outbox(o.keep, (m) => this.line.send({ t: "message", ...m }), o.changed);
    this.line = connection({
      bases: o.bases,
      dial: o.dial,
      hello: () => this.#hello(),
      frame: (f) => this.#take(f),
      changed: (state) => this.#turned(state),
      forget: () => this.talk.clear(),
      patient: () => this.uploading > 0 || !o.looking(),
    });
  }

  /** What the visitor said about themselves and the gateway has not confirmed. */
  get contact(): VisitorContact | undefined {
    return this.#o.keep.get("contact") as VisitorContact | undefined;
  }

  say(text: string, files: Attachment[] = [], offline = false, more?: Special): void {
    this.talk.begin();
    this.#typed = 0;
    this.outbox.add(text.trim(), files, offline, more);
  }

  /** Gets ready for a call; the next try loads again what could not be loaded. */
  calls(): Promise<Calls> {
    this.#calls ??= this.#o.calls().catch((e) => {
      this.#calls = undefined;
      throw e;
    });
    return this.#calls.then((c) => {
      this.call = c;
      this.#o.changed();
      return c;
    });
  }

  introduce(contact: VisitorContact): void {
    this.talk.begin();
    this.#o.keep.set("contact", contact);
    this.#o.keep.set("known", true);
    this.#tellContact();
    this.#o.changed();
  }

  /** The visitor has left an address for an answer. */
  get known(): boolean {
    return this.#o.keep.get("known") === true;
  }

  /** The visitor presses keys. */
  types(): void {
    if (!this.talk.begun || Date.now() - this.#typed < TYPING_EVERY_MS) return;
    this.#typed = Date.now();
    this.line.send({ t: "typing" });
  }

  /** The visitor may be looking now, or not any more. */
  looked(): void {
    const position = this.talk.last;
    if (this.#o.looking() && this.talk.read < position) {
      this.talk.read = position;
      this.talk.save();
      this.#o.changed();
    }
    this.#tellSeen();
  }

  uploadURL(): string {
    return `${this.line.base()}/w/files?site=${encodeURIComponent(this.#o.site)}`;
  }

  fileURL(a: Attachment): string {
    return `${this.line.base()}/files/${encodeURIComponent(a.file ?? "")}`;
  }

  #hello(): VisitorClientFrame {
    const { site, language, page, link } = this.#o;
    const { token, after } = this.talk;
    const hello = { t: "hello", version: VERSION, site, token, after, page: page(), language: language() } as const;
    return link ? { ...hello, link } : hello;
  }

  #turned(state: LineState): void {
    if (state === "online" || state === "idle") {
      clearTimeout(this.#losing);
      this.#losing = undefined;
      this.lost = false;
    } else {
      this.#losing ??= setTimeout(() => {
        this.lost = true;
        this.#o.changed();
      }, LOST_MS);
    }
    if (state !== "online") {
      this.ready = false;
      this.typing = "";
      this.outbox.down();
      this.talk.down();
      this.#told = { got: 0, read: 0 };
    }
    this.#changed();
  }

  /** Tells calls and views. A call that is under way needs what calls need, whoever began it. */
  #changed(): void {
    if (this.status?.call && !this.call) this.calls().catch(() => {}); // the next change tries again
    this.call?.changed();
    this.#o.changed();
  }

  #take(f: VisitorServerFrame): void {
    switch (f.t) {
      case "welcome":
        this.talk.token = f.token;
        this.talk.save();
        this.company = f.company;
        this.status = f.status;
        this.link = f.link;
        this.ahead = Date.parse(f.server_now) - Date.now();
        this.#tellContact();
        this.outbox.flush();
        break;
      case "item":
        if (f.item.client_id) this.outbox.remove(f.item.client_id);
        if (this.talk.take(f.item) && f.item.direction !== "inbound") this.#news(f.item);
        break;
      case "ready":
        this.ready = true;
        this.talk.ready(f.head);
        this.looked();
        break;
      case "status":
        this.status = f.status;
        this.talk.seen = Math.max(this.talk.seen, f.status.seen ?? 0);
        break;
      case "typing":
        this.#shows(f.name);
        break;
      case "ack":
        this.outbox.ack(f);
        break;
      case "call.answer":
      case "call.peer":
        this.call?.heard(f);
        return;
      case "pong":
        // The gateway reads in order: whatever was sent before the last ping has been dealt with.
        if (this.line.answered()) this.#o.keep.set("contact", undefined);
        return;
      case "bye":
        return;
    }
    this.#changed();
  }

  #news(item: Item): void {
    this.typing = "";
    if (!this.ready || !fromCompany(item)) return;
    this.#o.rang();
    this.looked();
  }

  #shows(name: string): void {
    this.typing = name || this.company.name;
    clearTimeout(this.#typingEnds);
    this.#typingEnds = setTimeout(() => {
      this.typing = "";
      this.#o.changed();
    }, TYPING_SHOWN_MS);
  }

  #tellContact(): void {
    const contact = this.contact;
    if (!contact || !this.line.send({ t: "contact", ...contact })) return;
    this.line.ping();
  }

  #tellSeen(): void {
    const got = this.talk.last;
    if (!this.ready || !got) return;
    const { read } = this.talk;
    if (read > this.#told.read && this.line.send({ t: "seen", position: read, read: true })) {
      this.#told = { got: Math.max(read, this.#told.got), read };
    }
    if (got > this.#told.got && this.line.send({ t: "seen", position: got, read: false })) this.#told.got = got;
  }
}
