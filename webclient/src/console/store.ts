// What the gateway has told this console, merged. Frames go in, signals come out; nothing is sent from here.
//
// Resume: `after` is the position from which a new connection continues. It moves to the head when a snapshot
// is complete, then with each update to the position before it, because one position may come as two frames.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type {
  Agent,
  Alarm,
  Company,
  ConsoleServerFrame,
  ConsoleUpdate,
  ConsoleWelcome,
  Conversation,
  Emergency,
  Item,
  LineQuality,
  Queue,
  Reply,
} from "../shared/protocol";
import { type Counts, countsOf, isOpen, rowsOf, type Tab } from "./lists";
import { mergeItems } from "./timeline";

export interface Timeline {
  items: Signal<Item[]>;
  /** There are older items at the gateway. */
  more: Signal<boolean>;
  state: Signal<"loading" | "loaded" | "failed">;
}

export interface TypingMark {
  conversation: string;
  agent: string;
  until: number;
}

const TYPING_MS = 6000;

/** Calls back soon, many asks as one; a browser's animation frame in the page. */
export type Soon = (f: () => void) => void;

export class Store {
  after = 0;
  readonly me = signal<Agent | null>(null);
  readonly company = signal<Company | null>(null);
  readonly build = signal("");
  /** The gateway was updated since this page was loaded. */
  readonly outdated = signal(false);
  /** A snapshot was received once: what is shown is true, or was until the line was lost. */
  readonly loaded = signal(false);
  readonly synced = signal(false);
  readonly agents = signal<ReadonlyMap<string, Agent>>(new Map());
  readonly queues = signal<readonly Queue[]>([]);
  readonly alarms = signal<readonly Alarm[]>([]);
  readonly replies = signal<readonly Reply[]>([]);
  readonly emergency = signal<Emergency | null>(null);
  /** Calls can be had at this gateway. */
  readonly calls = signal(false);
  /** Of calls, by supervisors: shown, hidden, off. */
  readonly supervision = signal("off");
  /** Video meetings can be had at this gateway. */
  readonly meetings = signal(false);
  /** Who waits before the door of this agent's meetings, by conversation. */
  readonly doors = signal<ReadonlyMap<string, readonly string[]>>(new Map());
  /** How the customer's line stands, by call: absent, connected, interrupted. */
  readonly peers = signal<ReadonlyMap<string, string>>(new Map());
  /** The call that is at another place now, each time anew. */
  readonly again = signal<{ call: string } | null>(null);
  /** How the lines of this agent's calls are now, by call. */
  readonly lines = signal<ReadonlyMap<string, readonly LineQuality[]>>(new Map());
  readonly typing = signal<readonly TypingMark[]>([]);
  readonly viewing = signal<ReadonlyMap<string, readonly string[]>>(new Map());
  /** The gateway's clock minus ours, in milliseconds. */
  readonly skew = signal(0);
  /** Counts up whenever a conversation changed. */
  readonly version = signal(0);
  readonly counts: ReadonlySignal<Counts>;

  private readonly heads = new Map<string, Conversation>();
  /** The rows of each tab, sorted when a conversation changed and not each time a list is drawn. */
  private readonly lists: Record<Tab, ReadonlySignal<Conversation[]>>;
  private readonly timelines = new Map<string, Timeline>();
  private bumping = false;

  constructor(
    readonly agent: string,
    private readonly soon: Soon,
    private readonly now: () => number = Date.now,
  ) {
    this.counts = computed(() => {
      this.version.value;
      return countsOf(this.heads.values(), this.agent);
    });
    const list = (tab: Tab) =>
      computed(() => {
        this.version.value;
        return rowsOf(this.heads.values(), tab, this.agent);
      });
    this.lists = { mine: list("mine"), waiting: list("waiting"), everyone: list("everyone"), done: list("done") };
  }

  /** Reads `version`: a component that calls it is drawn again when a conversation changes. */
  conversation(id: string): Conversation | undefined {
    this.version.value;
    return this.heads.get(id);
  }

  rows(tab: Tab): readonly Conversation[] {
    return this.lists[tab].value;
  }

  all(): IterableIterator<Conversation> {
    this.version.value;
    return this.heads.values();
  }

  /** The timeline of a conversation, empty and "loading" when it is asked for the first time. */
  timeline(id: string): Timeline {
    let t = this.timelines.get(id);
    if (!t) {
      t = { items: signal([]), more: signal(false), state: signal("loading") };
      this.timelines.set(id, t);
    }
    return t;
  }

  /** A head or a page of items that was fetched beside the socket. */
  learn(c: Conversation): void {
    const old = this.heads.get(c.id);
    if (old && old.rev > c.rev) return;
    this.heads.set(c.id, c);
    this.bump();
  }

  learnItems(id: string, items: readonly Item[]): void {
    const t = this.timeline(id);
    t.items.value = mergeItems(t.items.value, items);
  }

  receive(f: ConsoleServerFrame): void {
    switch (f.t) {
      case "welcome":
        this.welcome(f);
        return;
      case "list":
        for (const c of f.conversations ?? []) this.learn(c);
        return;
      case "ready":
        this.after = f.head;
        this.synced.value = true;
        this.loaded.value = true;
        return;
      case "update":
        this.update(f);
        return;
      case "agents":
        this.learnAgents(f.agents ?? [], f.removed ?? []);
        return;
      case "queues":
        this.queues.value = f.queues ?? [];
        return;
      case "alarms":
        this.alarms.value = f.alarms ?? [];
        return;
      case "typing":
        this.types(f.conversation, f.agent ?? "");
        return;
      case "viewing":
        this.viewing.value = new Map(this.viewing.value).set(f.conversation, f.agents ?? []);
        return;
      case "online":
        this.online(f.conversation, f.online);
        return;
      case "emergency":
        this.emergency.value = f.emergency;
        return;
      case "call.peer":
        this.peers.value = new Map(this.peers.value).set(f.call, f.state);
        if (f.again) this.again.value = { call: f.call };
        return;
      case "call.quality":
        this.lines.value = new Map([[f.call, f.lines ?? []]]); // one has one call at a time
        return;
      case "meet":
        this.waits(f.conversation, f.waiting ?? []);
        return;
      case "ack":
      case "pong":
      case "bye":
        return;
    }
  }

  /** The connection is gone: what changes by the second is not known any more. */
  lost(): void {
    this.synced.value = false;
    this.typing.value = [];
    this.viewing.value = new Map();
    this.peers.value = new Map();
    this.lines.value = new Map();
    this.doors.value = new Map();
    for (const [id, c] of this.heads) if (c.online) this.heads.set(id, { ...c, online: false });
    this.bump();
  }

  /** Forgets typing marks that have run out. */
  tick(): void {
    const now = this.now();
    if (this.typing.value.some((m) => m.until <= now)) {
      this.typing.value = this.typing.value.filter((m) => m.until > now);
    }
  }

  private welcome(w: ConsoleWelcome): void {
    batch(() => {
      if (!w.resumed) {
        this.after = 0;
        this.heads.clear();
        for (const t of this.timelines.values()) t.state.value = "loading";
        this.bump();
      }
      this.me.value = w.me;
      this.company.value = w.company;
      if (this.build.value && this.build.value !== w.build) this.outdated.value = true;
      else this.build.value = w.build;
      this.agents.value = new Map((w.agents ?? []).map((a) => [a.id, a]));
      this.queues.value = w.queues ?? [];
      this.alarms.value = w.alarms ?? [];
      this.replies.value = w.replies ?? [];
      this.emergency.value = w.emergency;
      this.calls.value = w.calls;
      this.supervision.value = w.supervision ?? "off";
      this.meetings.value = w.meetings;
      this.skew.value = Date.parse(w.server_now) - this.now() || 0;
    });
  }

  private update(u: ConsoleUpdate): void {
    if (u.conversation) this.learn(u.conversation);
    if (u.item) {
      const t = this.timelines.get(u.item.conversation);
      if (t) t.items.value = mergeItems(t.items.value, [u.item]);
      if (u.item.direction === "inbound") this.untype(u.item.conversation, "");
      if (u.item.from.id) this.untype(u.item.conversation, u.item.from.id);
    }
    if (this.synced.value) this.after = Math.max(this.after, u.position - 1);
  }

  private learnAgents(changed: readonly Agent[], removed: readonly string[]): void {
    const next = new Map(this.agents.value);
    for (const a of changed) next.set(a.id, a);
    for (const id of removed) next.delete(id);
    this.agents.value = next;
    const me = next.get(this.agent);
    if (me) this.me.value = me;
  }

  private types(conversation: string, agent: string): void {
    const others = this.typing.value.filter((m) => m.conversation !== conversation || m.agent !== agent);
    this.typing.value = [...others, { conversation, agent, until: this.now() + TYPING_MS }];
  }

  private waits(conversation: string, names: readonly string[]): void {
    const next = new Map(this.doors.value);
    if (names.length) next.set(conversation, names);
    else next.delete(conversation);
    this.doors.value = next;
  }

  private untype(conversation: string, agent: string): void {
    const rest = this.typing.value.filter((m) => m.conversation !== conversation || m.agent !== agent);
    if (rest.length !== this.typing.value.length) this.typing.value = rest;
  }

  private online(id: string, online: boolean): void {
    const c = this.heads.get(id);
    if (!c || c.online === online) return;
    this.heads.set(id, { ...c, online });
    this.bump();
  }

  private bump(): void {
    if (this.bumping) return;
    this.bumping = true;
    this.soon(() => {
      this.bumping = false;
      this.version.value++;
    });
  }
}

/** Whom a conversation is with: the name, or how the person is reached. */
export function nameOf(c: Conversation): string {
  const remote = c.contact.identities?.[0]?.remote ?? "";
  return c.contact.name || c.contact.phone || c.contact.email || (c.channel === "sms" ? remote : "");
}

export { isOpen };
