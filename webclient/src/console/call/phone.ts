// The agent's telephone in this page. Which call there is, the gateway says through the store; this joins the
// page's microphone to it: when a call is accepted or placed here, when it is taken over from another device, and
// by itself after a reload or when the gateway was restarted.
//
// The microphone is asked for before a call is accepted: nobody is put through to an agent who cannot speak.

import { computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import { CallLine, type LineOptions, type LineState, type MicTrouble, newCallID } from "../../shared/call";
import type { Ack, CallRecord, Command, Conversation, Failure, LegRole } from "../../shared/protocol";
import { Refused } from "../commands";
import type { Shelf } from "../drafts";
import type { Store } from "../store";
import { type CallView, callOf, invitationOf, type Mine, ringsElsewhere, viewOf, wrapUpOf } from "./view";

/** The commands that calls need; each rejects with Refused. */
export interface Exchange {
  accept(conversation: string, offer: string): Promise<unknown>;
  take(conversation: string): Promise<unknown>;
  call(conversation: string, call: string): Promise<unknown>;
  /** Answers with the gateway's SDP, and the relays for a network that needs them. */
  offer(conversation: string, call: string, sdp: string, restart: boolean): Promise<Pick<Ack, "sdp" | "ice">>;
  hangup(conversation: string, call: string): void;
  pickup(conversation: string, offer: string): Promise<unknown>;
  supervise(conversation: string, call: string, mode: LegRole): Promise<unknown>;
  /** One of those that need no answer; a refusal is said. */
  act(command: Omit<Command, "id">): void;
}

/** What a browser gives; a test gives its own. */
export type Parts = Pick<LineOptions, "microphone" | "trouble" | "peer" | "play"> & {
  /** Calls back when the network is another; returns what ends that. */
  networkMoves(f: () => void): () => void;
  /** Another loudspeaker was chosen. */
  aim(): Promise<void>;
  /** Of this tab alone, and there again after a reload. */
  shelf: Shelf | null;
  /** Keeps a name among the tabs of this browser until the returned function is called; null: another has it. */
  claim(name: string): Promise<(() => void) | null>;
};

export interface PhoneOptions {
  store: Store;
  exchange: Exchange;
  parts: Parts;
  /** A refusal in words. */
  refused(detail: string): void;
  /** The page should show this conversation. */
  show(conversation: string): void;
  /** A call that this page had is over and is to be written up. */
  writeUp(conversation: string): void;
}

const KEY = "backline.call";
/** How a call came to nothing stays to be read for so long. */
const OVER_MS = 12_000;

export class Phone {
  readonly view: ReadonlySignal<CallView>;
  readonly line = signal<LineState>({ at: "idle" });
  /** The conversation for which the microphone is being asked, before it is accepted or called. */
  readonly asking = signal("");
  /** Why the microphone could not be had just now, and for which conversation. */
  readonly trouble = signal<{ conversation: string; why: MicTrouble } | null>(null);
  readonly talk: CallLine;
  private readonly mine: ReadonlySignal<Mine | null>;
  private readonly over = signal<{ conversation: Conversation; record: CallRecord } | null>(null);
  private readonly stops: (() => void)[] = [];
  /** The microphone that was asked for before the line was dialled. */
  private ready: MediaStream | null = null;
  private release: (() => void) | null = null;
  private overTimer: ReturnType<typeof setTimeout> | undefined;
  private last: Mine | null = null;
  /** The call that this page dials, and of which conversation it is. */
  private dialled = { call: "", conversation: "" };
  /** The conversation whose call was here and has just ended. */
  private ending = "";

  constructor(private readonly o: PhoneOptions) {
    const { store, parts } = o;
    this.mine = computed(() => callOf(store.all(), store.agent));
    this.view = computed(() =>
      viewOf(this.mine.value, this.line.value, wrapUpOf(store.all(), store.agent), this.over.value),
    );
    this.talk = new CallLine({
      microphone: () => this.microphone(),
      trouble: parts.trouble,
      peer: parts.peer,
      play: parts.play,
      offer: ({ call, sdp, restart }) => this.offer(call, sdp, restart),
      hangup: (call) => this.tellHangUp(call),
      changed: (state) => this.changed(state),
    });
  }

  start(): void {
    const { store } = this.o;
    this.stops.push(
      this.o.parts.networkMoves(() => this.talk.network()),
      effect(() => {
        const synced = store.synced.value;
        untracked(() => {
          if (synced) this.talk.socketUp(this.mine.value?.call.id ?? "");
          else this.talk.socketDown();
        });
      }),
      effect(() => {
        const again = store.again.value;
        untracked(() => {
          if (again && again.call === this.mine.value?.call.id) this.talk.socketUp(again.call);
        });
      }),
      effect(() => {
        const mine = this.mine.value;
        if (store.synced.value) untracked(() => this.follow(mine));
      }),
      effect(() => {
        const c = wrapUpOf(store.all(), store.agent)?.id;
        if (!c || c !== this.ending) return;
        this.ending = "";
        untracked(() => this.o.writeUp(c));
      }),
    );
  }

  dispose(): void {
    for (const stop of this.stops.splice(0)) stop();
    clearTimeout(this.overTimer);
    this.talk.dispose();
    this.release?.();
  }

  /** This page is in a call, or about to be. */
  get busy(): boolean {
    return this.asking.value !== "" || this.mine.value !== null || this.talk.busy;
  }

  /** The microphone first, then the call that waits in the conversation or into which a colleague asks, then the
   * line. What rings at a colleague is picked up. */
  async answer(c: Conversation): Promise<void> {
    const { exchange, store } = this.o;
    const { call } = c;
    if (!call || !(await this.prepare(c.id))) return;
    const offer = (invitationOf(c, store.agent)?.offer ?? (c.state === "offered" ? c.offer : null))?.id ?? "";
    const elsewhere = ringsElsewhere(c, store.agent);
    await this.connect(c.id, call.id, () => {
      if (elsewhere) return exchange.pickup(c.id, offer);
      return offer ? exchange.accept(c.id, offer) : exchange.take(c.id);
    });
  }

  /** Joins a colleague's call as a supervisor, or changes how. */
  async supervise(c: Conversation, mode: LegRole): Promise<void> {
    const { exchange } = this.o;
    const call = c.call?.id ?? "";
    if (this.mine.value?.call.id === call) {
      this.o.exchange.act({ do: "supervise", conversation: c.id, call, mode });
      return;
    }
    if (!call || this.busy || !(await this.prepare(c.id))) return;
    await this.connect(c.id, call, () => exchange.supervise(c.id, call, mode));
  }

  /** Music for the customer, or an end of it. */
  toggleHold(): void {
    const mine = this.mine.value;
    if (!mine || mine.leg || mine.call.state === "ringing" || this.consulting()) return;
    this.act(mine.call.held_since ? "resume" : "hold");
  }

  /** One of: hold, resume, consult, invite, connect, back, conference, leave, remove. */
  act(what: string, more: Partial<Command> = {}): void {
    const mine = this.mine.value;
    if (mine) this.o.exchange.act({ do: what, conversation: mine.conversation.id, call: mine.call.id, ...more });
  }

  /** Somebody is being consulted by this agent. */
  consulting(): boolean {
    const mine = this.mine.value;
    return mine !== null && !mine.leg && (mine.call.legs ?? []).some((l) => l.role === "consult");
  }

  /** Calls the customer of a conversation, whose page is open. */
  async place(c: Conversation): Promise<void> {
    if (this.busy || !(await this.prepare(c.id))) return;
    const call = newCallID();
    await this.connect(c.id, call, () => this.o.exchange.call(c.id, call));
  }

  /** Takes the line of the running call into this page: from another device, or again. */
  takeHere(): void {
    const mine = this.mine.value;
    if (!mine || this.talk.busy) return;
    this.trouble.value = null;
    this.talk.dial(mine.call.id);
  }

  hangUp(): void {
    const mine = this.mine.value;
    if (this.consulting()) {
      this.act("back"); // the customer is on hold: nobody is cut off by a slip
      return;
    }
    const told = this.talk.stream !== undefined; // a line that has a microphone tells the gateway itself
    if (this.talk.busy) this.talk.hangup();
    if (mine && !told) this.o.exchange.hangup(mine.conversation.id, mine.call.id);
  }

  toggleMute(): void {
    const s = this.line.value;
    if ("muted" in s) this.talk.mute(!s.muted);
  }

  /** Another device was chosen; a running call goes on with it. */
  async soundChanged(mic: boolean): Promise<void> {
    await this.o.parts.aim();
    if (mic) await this.talk.changeMicrophone();
  }

  /** Puts away how the last call came to nothing. */
  dismiss(): void {
    clearTimeout(this.overTimer);
    this.over.value = null;
  }

  private async prepare(conversation: string): Promise<boolean> {
    if (this.asking.value || this.talk.busy) return false;
    this.dismiss();
    this.trouble.value = null;
    this.asking.value = conversation;
    try {
      this.ready = await this.o.parts.microphone();
      return true;
    } catch (e) {
      this.trouble.value = { conversation, why: this.o.parts.trouble(e) };
      this.asking.value = "";
      return false;
    }
  }

  private async connect(conversation: string, call: string, ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
      this.o.show(conversation);
      this.dialled = { call, conversation };
      this.talk.dial(call);
    } catch (e) {
      this.drop();
      if (e instanceof Refused) this.o.refused(e.failure.detail);
    } finally {
      this.asking.value = "";
    }
  }

  private drop(): void {
    for (const track of this.ready?.getTracks() ?? []) track.stop();
    this.ready = null;
  }

  private microphone(): Promise<MediaStream> {
    const { ready } = this;
    this.ready = null;
    return ready ? Promise.resolve(ready) : this.o.parts.microphone();
  }

  private offer(call: string, sdp: string, restart: boolean): boolean {
    const conversation = this.conversationOf(call);
    if (!this.o.store.synced.peek() || !conversation) return false;
    this.o.exchange.offer(conversation, call, sdp, restart).then(
      ({ sdp = "", ice = [] }) => this.talk.answered({ call, sdp, ice }),
      (e) => this.talk.answered({ call, failure: failureOf(e) }),
    );
    return true;
  }

  /** The answer to accepting a call may be quicker than the news that it is mine. */
  private conversationOf(call: string): string {
    const mine = this.mine.peek();
    if (mine?.call.id === call) return mine.conversation.id;
    return this.dialled.call === call ? this.dialled.conversation : "";
  }

  private tellHangUp(call: string): boolean {
    const conversation = this.conversationOf(call);
    if (conversation) this.o.exchange.hangup(conversation, call);
    return true; // commands are said again after a lost connection
  }

  private changed(state: LineState): void {
    const before = this.line.peek();
    this.line.value = state;
    if (state.at === "joining" && before.at === "asking") this.own(state.call);
    if (state.at === "idle" || state.at === "over" || state.at === "elsewhere") this.disown(state);
    // What the gateway knows may have come before the microphone.
    if (state.at === "joining" && this.o.store.synced.peek()) {
      queueMicrotask(() => this.talk.told(this.mine.peek()?.call.id ?? ""));
    }
  }

  /** The call that the gateway knows of has changed. */
  private follow(mine: Mine | null): void {
    const { last } = this;
    this.last = mine;
    const here = last !== null && this.has(last.call.id);
    this.talk.told(mine?.call.id ?? "");
    if (last && here && last.call.id !== mine?.call.id) this.ended(last);
    if (mine && this.line.peek().at === "idle" && this.owned() === mine.call.id) void this.rejoin(mine);
  }

  /** The call is, or was to its end, on this page's line. */
  private has(call: string): boolean {
    const s = this.line.peek();
    return s.at !== "idle" && s.at !== "elsewhere" && s.call === call;
  }

  /** After a reload: this tab had the call, and goes on with it. */
  private async rejoin(mine: Mine): Promise<void> {
    const release = await this.o.parts.claim(`${KEY}.${mine.call.id}`);
    if (!release) return; // a copy of this tab has it
    release();
    if (this.mine.peek()?.call.id === mine.call.id) this.talk.dial(mine.call.id);
  }

  private ended(mine: Mine): void {
    const c = this.o.store.conversation(mine.conversation.id);
    if (!c) return;
    if (!mine.leg) this.ending = c.id;
    const record = c.last_call;
    if (mine.leg || record?.from !== "agent" || record.outcome === "answered" || record.reason === "agent") return;
    this.over.value = { conversation: c, record };
    clearTimeout(this.overTimer);
    this.overTimer = setTimeout(() => this.dismiss(), OVER_MS);
  }

  private own(call: string): void {
    this.write(call);
    void this.o.parts.claim(`${KEY}.${call}`).then((release) => {
      const s = this.line.peek();
      if ("call" in s && s.call === call && this.talk.busy) this.release = release;
      else release?.();
    });
  }

  private disown(state: LineState): void {
    this.release?.();
    this.release = null;
    // A page that goes away, or a line that could not be had, may be taken up again by a reload.
    const given = state.at === "elsewhere" || (state.at === "over" && state.end.why !== "unreachable");
    if (given) this.write("");
  }

  private owned(): string {
    try {
      return this.o.parts.shelf?.getItem(KEY) ?? "";
    } catch {
      return "";
    }
  }

  private write(call: string): void {
    try {
      if (call) this.o.parts.shelf?.setItem(KEY, call);
      else this.o.parts.shelf?.removeItem(KEY);
    } catch {
      // no storage: after a reload a click is needed
    }
  }
}

function failureOf(e: unknown): Failure {
  return e instanceof Refused ? e.failure : { kind: "internal", detail: "" };
}
