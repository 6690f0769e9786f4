// The desk of one signed-in agent: the store, the socket and what the agent does. Components read signals
// and call methods; this is the only place that sends.

import { effect, type Signal, signal } from "@preact/signals-core";
import { type Attachment, type ConsoleServerFrame, type Presence, VERSION } from "../shared/protocol";
import { type Api, Problem } from "./api";
import type { Devices } from "./call/devices";
import { MicWatch } from "./call/mic";
import { type Parts, Phone } from "./call/phone";
import { invitationOf, isCalling } from "./call/view";
import { Commands, Refused } from "./commands";
import { Drafts, type Shelf, type Unsent } from "./drafts";
import type { LinkStart } from "./links/links";
import type { Tab } from "./lists";
import { ConsoleSocket, type Line } from "./socket";
import { type Soon, Store } from "./store";
import { lastPosition } from "./timeline";

/** A message of this page that the journal does not show yet. */
export interface Outgoing extends Unsent {
  attachments: Attachment[];
  /** Set when the gateway refused it. */
  failure: string;
}

export interface Toast {
  id: number;
  tone: "info" | "error";
  text: string;
}

/** What the composer of a conversation is to be opened with. */
export interface Writing {
  conversation: string;
  mode: "reply" | "note";
  /** Added to what is written there. */
  text: string;
}

/** What fills the screen beside the rail. */
export type Page = "inbox" | "emergency";

export interface DeskOptions {
  agent: string;
  api: Api;
  line(): Line;
  shelf: Shelf | null;
  /** Microphone, loudspeaker and lines of this browser. */
  phone: Parts;
  devices: Devices;
  soon: Soon;
  /** A new id that nobody else makes. */
  id(): string;
  signedOut(): void;
}

export class Desk {
  readonly store: Store;
  readonly socket: ConsoleSocket;
  readonly drafts: Drafts;
  readonly tab = signal<Tab>("mine");
  readonly page = signal<Page>("inbox");
  readonly selected = signal("");
  /** The composer is asked for; who shows it takes it. */
  readonly writing = signal<Writing | null>(null);
  /** A talk link is being made, with this to begin with. */
  readonly linking = signal<LinkStart | null>(null);
  /** Microphone and loudspeaker are being chosen. */
  readonly sounding = signal(false);
  readonly phone: Phone;
  readonly mic = new MicWatch();
  readonly outgoing = signal<readonly Outgoing[]>([]);
  readonly toasts = signal<readonly Toast[]>([]);
  readonly done: Signal<{ cursor: string; state: "unasked" | "loading" | "loaded" | "failed" }> = signal({
    cursor: "",
    state: "unasked",
  });
  private readonly commands: Commands;
  private readonly stops: (() => void)[] = [];
  private typed = 0;
  private reading = new Map<string, number>();
  private readonly asking = new Set<string>();

  constructor(private readonly o: DeskOptions) {
    this.store = new Store(o.agent, o.soon);
    this.drafts = new Drafts(o.shelf, o.agent);
    this.socket = new ConsoleSocket({
      open: o.line,
      hello: () => ({ t: "hello", version: VERSION, after: this.store.after }),
      frame: (f) => this.frame(f),
      lost: () => {
        this.store.lost();
        this.commands.lost();
      },
      signedOut: o.signedOut,
    });
    this.commands = new Commands(`${o.id()}-`, (f) => this.store.synced.peek() && this.socket.send(f));
    const { commands } = this;
    this.phone = new Phone({
      store: this.store,
      parts: o.phone,
      exchange: {
        accept: (conversation, offer) => commands.run({ do: "accept", conversation, offer }),
        take: (conversation) => commands.run({ do: "take", conversation }),
        call: (conversation, call) => commands.once({ do: "call", conversation, call }),
        offer: (conversation, call, sdp, restart) =>
          commands.once({ do: "offer", conversation, call, sdp, ...(restart ? { restart } : {}) }),
        hangup: (conversation, call) => this.run({ do: "hangup", conversation, call }),
        pickup: (conversation, offer) => commands.run({ do: "pickup", conversation, offer }),
        supervise: (conversation, call, mode) => commands.once({ do: "supervise", conversation, call, mode }),
        act: (command) => this.run(command),
      },
      refused: (detail) => detail && this.toast("error", detail),
      show: (conversation) => this.openMine(conversation),
      writeUp: (conversation) => {
        if (this.selected.peek() === conversation) this.write({ conversation, mode: "note", text: "" });
      },
    });
  }

  start(): void {
    for (const u of this.drafts.unconfirmed()) this.submit({ ...u, attachments: [], failure: "" });
    const clock = setInterval(() => this.store.tick(), 1000);
    this.stops.push(() => clearInterval(clock));
    this.stops.push(effect(() => this.openSelected()));
    this.phone.start();
    void this.mic.start();
    this.socket.start();
  }

  dispose(): void {
    for (const stop of this.stops.splice(0)) stop();
    this.phone.dispose();
    this.mic.stop();
    this.socket.stop();
  }

  get devices(): Devices {
    return this.o.devices;
  }

  get api(): Api {
    return this.o.api;
  }

  select(id: string): void {
    this.selected.value = id;
    this.page.value = "inbox";
    this.commands.tell({ do: "view", conversation: id });
  }

  /** To the inbox; from there to its list. */
  home(): void {
    if (this.page.value === "inbox") this.select("");
    else this.page.value = "inbox";
  }

  accept(conversation: string, offer: string): void {
    if (this.answers(conversation)) return;
    this.run({ do: "accept", conversation, offer });
    this.openMine(conversation);
  }

  decline(conversation: string, offer: string): void {
    this.run({ do: "decline", conversation, offer });
  }

  take(conversation: string): void {
    if (this.answers(conversation)) return;
    this.run({ do: "take", conversation });
  }

  /** Opens a video meeting in a conversation, or finds the one that is open; resolves to its link. */
  async invite(conversation: string): Promise<string> {
    try {
      return (await this.commands.once({ do: "meet", conversation })).url ?? "";
    } catch (e) {
      if (e instanceof Refused && e.failure.detail) this.toast("error", e.failure.detail);
      throw e;
    }
  }

  giveBack(conversation: string): void {
    this.run({ do: "return", conversation });
  }

  transfer(conversation: string, to: string): void {
    this.run({ do: "transfer", conversation, to });
  }

  close(conversation: string): void {
    this.run({ do: "close", conversation });
  }

  resend(conversation: string, message: string): void {
    this.run({ do: "resend", conversation, message });
  }

  endWrapUp(conversation: string): void {
    this.run({ do: "end_wrap_up", conversation });
  }

  setPresence(presence: Presence): void {
    this.run({ do: "presence", presence });
  }

  send(conversation: string, kind: "message" | "note", text: string, attachments: Attachment[]): void {
    this.typed = 0; // what comes next is new writing
    const files = attachments.flatMap((a) => (a.file ? [a.file] : []));
    const at = new Date().toISOString();
    this.submit({ client_id: this.o.id(), conversation, kind, text, files, at, attachments, failure: "" });
  }

  /** Tries a refused message again, as the same message. */
  retry(clientID: string): void {
    const m = this.outgoing.value.find((x) => x.client_id === clientID);
    if (m) this.submit({ ...m, failure: "" });
  }

  discard(clientID: string): void {
    this.drafts.confirmed(clientID);
    this.outgoing.value = this.outgoing.value.filter((x) => x.client_id !== clientID);
  }

  /** Opens the composer of a conversation. */
  write(w: Writing): void {
    this.writing.value = w;
  }

  /** The agent types; said at most every three seconds. */
  type(conversation: string): void {
    const now = Date.now();
    if (now - this.typed < 3000) return;
    this.typed = now;
    this.commands.tell({ do: "typing", conversation });
  }

  /** The agent looks at the end of the open conversation. */
  seen(conversation: string): void {
    const c = this.store.conversation(conversation);
    if (!c || c.unread === 0 || c.agent !== this.o.agent) return;
    const position = lastPosition(this.store.timeline(conversation).items.value);
    if (position === 0 || (this.reading.get(conversation) ?? 0) >= position) return;
    this.reading.set(conversation, position);
    this.commands.run({ do: "read", conversation, position }).catch(() => this.reading.delete(conversation));
  }

  async load(id: string, older = false): Promise<void> {
    const t = this.store.timeline(id);
    const before = older ? (t.items.peek()[0]?.position ?? 0) : 0;
    try {
      const page = await this.o.api.timeline(id, before);
      this.store.learnItems(id, page.items);
      t.more.value = page.more;
      t.state.value = "loaded";
    } catch (e) {
      t.state.value = "failed";
      this.expired(e);
    }
  }

  async loadDone(): Promise<void> {
    const { cursor, state } = this.done.peek();
    if (state === "loading" || (state === "loaded" && !cursor)) return;
    this.done.value = { cursor, state: "loading" };
    try {
      const page = await this.o.api.conversations({ state: "closed", limit: "50", ...(cursor ? { cursor } : {}) });
      for (const c of page.conversations) this.store.learn(c);
      this.done.value = { cursor: page.cursor, state: "loaded" };
    } catch (e) {
      this.done.value = { cursor, state: "failed" };
      this.expired(e);
    }
  }

  toast(tone: Toast["tone"], text: string): void {
    const id = Date.now() + Math.random();
    this.toasts.value = [...this.toasts.value, { id, tone, text }].slice(-4);
    setTimeout(() => this.dismiss(id), tone === "error" ? 12_000 : 5000);
  }

  dismiss(id: number): void {
    this.toasts.value = this.toasts.value.filter((t) => t.id !== id);
  }

  /** A call that waits there is taken by telephone. */
  private answers(conversation: string): boolean {
    const c = this.store.conversation(conversation);
    if (!c || !(isCalling(c) || invitationOf(c, this.o.agent))) return false;
    void this.phone.answer(c);
    return true;
  }

  private openMine(conversation: string): void {
    this.tab.value = "mine";
    this.select(conversation);
  }

  private frame(f: ConsoleServerFrame): void {
    if (f.t === "ack") {
      this.commands.ack(f);
      return;
    }
    const fresh = f.t === "welcome" && !f.resumed;
    this.store.receive(f);
    if (fresh) this.done.value = { cursor: "", state: "unasked" };
    if (f.t === "ready") {
      this.commands.tell({ do: "view", conversation: this.selected.peek() });
      this.commands.resend();
    }
    if (f.t === "update" && f.item?.client_id) this.arrived(f.item.client_id);
  }

  /** Loads what is open and not loaded, once the gateway has told everything; after a fresh snapshot anew. */
  private openSelected(): void {
    const id = this.selected.value;
    if (!id || !this.store.synced.value) return;
    if (this.store.timeline(id).state.value === "loading") this.once(`timeline ${id}`, () => this.load(id));
    if (!this.store.conversation(id)) this.once(`head ${id}`, () => this.fetchHead(id));
  }

  /** Changes come while something is asked for: it is not asked for again until it is there. */
  private once(what: string, ask: () => Promise<void>): void {
    if (this.asking.has(what)) return;
    this.asking.add(what);
    void ask().finally(() => this.asking.delete(what));
  }

  private async fetchHead(id: string): Promise<void> {
    try {
      this.store.learn(await this.o.api.conversation(id));
    } catch (e) {
      this.expired(e);
      if (e instanceof Problem && e.status === 404 && this.selected.peek() === id) this.selected.value = "";
    }
  }

  private submit(m: Outgoing): void {
    this.drafts.keep(m);
    this.outgoing.value = [...this.outgoing.value.filter((x) => x.client_id !== m.client_id), m];
    const { client_id, conversation, text, files } = m;
    const command =
      m.kind === "note"
        ? { do: "note", client_id, conversation, text }
        : { do: "send", client_id, conversation, text, files };
    this.commands.run(command).then(
      () => this.accepted(m),
      (e) => this.refused(client_id, e),
    );
  }

  /** The journal has it. Its line comes by an update, or has come; a conversation not loaded shows none. */
  private accepted(m: Outgoing): void {
    this.drafts.confirmed(m.client_id);
    setTimeout(() => this.arrived(m.client_id), 2000);
  }

  private arrived(clientID: string): void {
    this.drafts.confirmed(clientID);
    this.outgoing.value = this.outgoing.value.filter((x) => x.client_id !== clientID);
  }

  private refused(clientID: string, e: unknown): void {
    const failure = e instanceof Refused ? e.failure.detail : String(e);
    this.outgoing.value = this.outgoing.value.map((x) => (x.client_id === clientID ? { ...x, failure } : x));
  }

  private run(command: Parameters<Commands["run"]>[0]): void {
    this.commands.run(command).catch((e) => {
      if (e instanceof Refused) this.toast("error", e.failure.detail);
    });
  }

  private expired(e: unknown): void {
    if (e instanceof Problem && e.status === 401) this.o.signedOut();
  }
}
