// The ways beside a call: which path of a call is being tried, one button for the next way, and the way that is taken
// in place of a call. Loaded while a call is in the making, waits or has failed, and when another way is wanted.

import type { CallLine, MicTrouble } from "../shared/call";
import { type CallAnswer, MAX_VOICE_MS, VOICE_PIECE } from "../shared/protocol";
import type { Phase } from "./calling";
import type { Panel } from "./calls";
import type { Chat } from "./chat";
import type { Kit } from "./late";
import { DEAF_MS, type Ground, next, type Rung, trying, UDP_MS, type Way, waysOf } from "./own/ladder";
import { borrow } from "./own/lent";
import { inApp } from "./own/place";
import de from "./texts/ladder-de";
import en from "./texts/ladder-en";

export interface LadderOptions {
  chat: Chat;
  kit: Kit;
  microphone(): Promise<MediaStream>;
  trouble(error: unknown): MicTrouble;
  call: {
    phase: Phase;
    line: CallLine;
    also: ((a: CallAnswer) => void) | undefined;
    again(): void;
    dismiss(): void;
  };
  language(): string;
  changed(): void;
  /** Brings the chat before the customer's eyes; write: to write, where that is something else. */
  show(): void;
  write?(): void;
}

export default (o: LadderOptions): Ladder => {
  borrow(o.kit);
  return new Ladder(o);
};

/** A word to those who wait, this often. */
const COMFORT_MS = 30_000;

export class Ladder {
  #panel: Panel | undefined;
  /** Grows with each panel, so that a late one finds that another is wanted. */
  #turn = 0;
  /** The call in the making: since when, over which line, and the paths it tries. */
  #since = 0;
  #line: RTCPeerConnection | undefined;
  #tried: Way[] = [];
  #timers: ReturnType<typeof setTimeout>[] = [];
  #again: ReturnType<typeof setTimeout> | undefined;

  readonly #o: LadderOptions;

  constructor(o: LadderOptions) {
    this.#o = o;
  }

  /** What the customer does in place of calling. */
  get panel() {
    return this.#panel?.view();
  }

  /** A voice message, to be called back, or the check before a call. */
  leave(rung: "voice" | "back" | "check"): void {
    const { call, chat, kit, language, microphone, trouble, changed } = this.#o;
    if (rung !== "back" && call.line.busy) return; // it has the microphone
    const turn = ++this.#turn;
    const options = {
      ...{ chat, kit, language, microphone, trouble, changed },
      limits: { voiceMS: MAX_VOICE_MS, voicePiece: VOICE_PIECE },
      write: () => this.#go("write"),
      go: (other: Rung) => this.#go(other),
      ask: (id: string, answered: (a: CallAnswer) => void) => {
        call.also = (a) => a.call === id && answered(a);
      },
      kept: () => call.line.hangup(),
      done: () => this.#stay(),
    };
    const parts = {
      voice: () => import("./voice.late"),
      back: () => import("./back.late"),
      check: () => import("./check.late"),
    };
    parts[rung]().then(
      (part) => {
        if (turn !== this.#turn) return;
        this.#panel?.close();
        this.#panel = part.default(options);
        changed();
      },
      () => this.#go("write"), // it cannot be loaded, and this works
    );
  }

  /** Goes another way. A call that waits keeps its line until the customer has asked to be called back. */
  #go(rung: Rung): void {
    const { call, show, write = show } = this.#o;
    switch (rung) {
      case "call":
        this.#stay();
        call.again();
        break;
      case "back":
        this.leave(rung);
        break;
      default:
        call.line.hangup();
        call.dismiss();
        this.#stay();
        if (rung === "voice") this.leave(rung);
        else write();
    }
  }

  #stay(): void {
    this.#turn++;
    this.#panel?.close();
    this.#panel = undefined;
    this.#o.changed();
  }

  get #ground(): Ground {
    const { chat, call } = this.#o;
    const { phase: p } = call;
    const s = chat.status;
    const failed = p.is === "failed" && p.end;
    const mic = isSecureContext ? (inApp(navigator.userAgent) ? "unsupported" : "") : "insecure";
    return {
      calls: Boolean(s?.calls && s.open),
      mic: failed && failed.why === "microphone" ? failed.trouble : mic,
      // While the browser asks for the microphone, the same question would come again.
      records: p.is !== "asking" && typeof MediaRecorder === "function",
      deaf: this.#on === "deaf" || (failed && failed.why === "unreachable"),
    };
  }

  /** Which path is being tried; "" none. */
  get #on(): Way | "deaf" | "" {
    return this.#since ? trying(Date.now() - this.#since, this.#tried) : "";
  }

  view() {
    const { chat, call, language } = this.#o;
    this.#watch();
    const { phase } = call;
    if (phase.is === "none" || phase.is === "away") return null;
    const t = language() === "de" ? de : en;
    const on = this.#on;
    let rung = phase.is === "waiting" ? "back" : next(this.#ground, "call");
    if (rung === "back" && !chat.company.call_back) rung = "write";
    return (
      <>
        {on && (
          <p class="trying" role="status" data-testid="trying" data-way={on}>
            {t.trying[on]}
          </p>
        )}
        {phase.is === "waiting" && this.#comfort(t)}
        <button
          type="button"
          class={on === "deaf" || phase.is === "failed" ? "go" : ""}
          data-testid="next-way"
          data-rung={rung}
          onClick={() => this.#go(rung)}
        >
          {t.next[rung]}
        </button>
      </>
    );
  }

  /** How long it takes, as far as is known, and after a while a word that nobody is forgotten. */
  #comfort(t: typeof en) {
    const { chat, changed } = this.#o;
    const began = Date.parse(chat.status?.call?.since ?? "") - chat.ahead;
    const waited = Math.max(0, Date.now() - began) || 0; // not a number where nobody has said since when
    const turn = Math.floor(waited / COMFORT_MS);
    clearTimeout(this.#again);
    this.#again = setTimeout(changed, COMFORT_MS - (waited % COMFORT_MS) + 50);
    const ms = chat.status?.estimate_ms ?? -1;
    return (
      <p class="trying" role="status" data-testid="comfort">
        {ms >= 0 && t.wait(Math.max(1, Math.ceil(ms / 60_000)))} {turn > 0 && t.comfort[turn % t.comfort.length]}
      </p>
    );
  }

  /** Looks at the paths as long as a call is in the making. */
  #watch(): void {
    const { phase, line } = this.#o.call;
    if (phase.is !== "joining") {
      for (const timer of this.#timers.splice(0)) clearTimeout(timer);
      this.#line = undefined;
      this.#since = 0;
      return;
    }
    if (!this.#since) {
      this.#since = Date.now();
      // It says something else at these moments only.
      const moments = [UDP_MS, (UDP_MS + DEAF_MS) / 2 + 1, DEAF_MS];
      this.#timers = moments.map((ms) => setTimeout(() => void this.#read(), ms));
    }
    if (this.#line === line.peer) return;
    this.#line = line.peer;
    void this.#read();
  }

  async #read(): Promise<void> {
    const stats = await this.#line?.getStats().catch(() => undefined);
    if (stats) this.#tried = waysOf(stats as unknown as ReadonlyMap<string, unknown>).tried;
    this.#o.changed();
  }
}
