// A voice message: recorded here, heard again, sent in pieces. For those whose call does not get through, who have no
// time to wait, or who come when nobody is there. Loaded when somebody wants one.

import { Meter } from "../shared/meter";
import { inPieces, REFUSED } from "../shared/pieces";
import { canRecord, Recorder, recorderOf } from "../shared/recorder";
import type { Panel, PanelOptions } from "./calls";
import { borrow, dress, Icon, Late } from "./own/lent";
import de from "./texts/voice-de";
import en, { type VoiceTexts } from "./texts/voice-en";
import css from "./voice.css?text";

const LEVEL_EVERY_MS = 100;

export default (o: PanelOptions): Panel => {
  borrow(o.kit);
  return new Voice(o);
};

type Sending = { is: "no" } | { is: "going"; share: number; waits: boolean } | { is: "there" } | { is: "refused" };

class Voice implements Panel {
  #sending: Sending = { is: "no" };
  /** Where the browser plays what was recorded from. */
  #url = "";
  #stop = new AbortController();
  #meter: Meter | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  readonly #recorder: Recorder;
  readonly #dressed = dress(css);

  readonly #o: PanelOptions;

  constructor(o: PanelOptions) {
    this.#o = o;
    this.#recorder = new Recorder({
      microphone: o.microphone,
      trouble: o.trouble,
      record: recorderOf,
      mostMS: o.limits.voiceMS,
      changed: () => this.#changed(),
    });
    if (canRecord()) void this.#recorder.start();
    else this.#recorder.state = { is: "failed", trouble: isSecureContext ? "unsupported" : "insecure" };
  }

  close(): void {
    this.#stop.abort();
    this.#recorder.discard();
    this.#quiet();
  }

  get #t(): VoiceTexts {
    return this.#o.language() === "de" ? de : en;
  }

  #changed(): void {
    if (this.#recorder.state.is !== "recording") {
      this.#quiet();
      const { state } = this.#recorder;
      if (state.is === "ready") this.#url = URL.createObjectURL(state.sound);
    }
    this.#o.changed();
  }

  #quiet(): void {
    clearInterval(this.#beat);
    this.#meter?.close();
    this.#meter = undefined;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
  }

  /** Shows how loud it is, and how long. */
  readonly #loud = (bar: HTMLElement | null): void => {
    clearInterval(this.#beat);
    const { stream } = this.#recorder;
    if (!bar || !stream) return;
    this.#meter ??= new Meter(stream);
    this.#beat = setInterval(() => {
      const { state } = this.#recorder;
      bar.style.transform = `scaleX(${this.#meter?.level() ?? 0})`;
      if (state.is === "recording" && bar.previousElementSibling) {
        bar.previousElementSibling.textContent = clock(Date.now() - state.since);
      }
    }, LEVEL_EVERY_MS);
  };

  async #send(sound: Blob, ms: number): Promise<void> {
    const { chat, limits } = this.#o;
    const id = newID();
    const name = this.#t.name(clock(ms).replace(":", "."));
    chat.talk.begin(); // from now on the visitor's token is kept
    chat.line.start();
    this.#sending = { is: "going", share: 0, waits: false };
    this.#o.changed();
    try {
      const stored = await inPieces({
        url: () => chat.uploadURL().replace("/files?", `/voice/${id}?`),
        token: () => chat.talk.token,
        blob: sound,
        name,
        piece: limits.voicePiece,
        stop: this.#stop.signal,
        told: (share, waits) => {
          this.#sending = { is: "going", share, waits };
          this.#o.changed();
        },
        fetch: (url, init) => fetch(url, init),
        sleep: (wait) => new Promise((later) => setTimeout(later, wait)),
      });
      const file = { file: stored.id, kind: "audio", name: stored.name, content_type: stored.type };
      chat.say("", [file], false, { voice_ms: Math.min(Math.round(ms), limits.voiceMS) });
      this.#sending = { is: "there" };
    } catch (e) {
      if (this.#stop.signal.aborted) return;
      this.#sending = { is: e instanceof Error && e.message === REFUSED ? "refused" : "no" };
    }
    this.#o.changed();
  }

  view() {
    return (
      <section ref={this.#dressed} class="panel-way" aria-label={this.#t.title} data-testid="voice">
        <h2>{this.#t.title}</h2>
        {this.#sending.is === "no" ? this.#record() : this.#sent()}
      </section>
    );
  }

  #record() {
    const t = this.#t;
    const { state } = this.#recorder;
    const leave = this.#button(t.back, "voice-back", () => this.#o.done());
    switch (state.is) {
      case "recording":
        return (
          <>
            <p role="status" data-testid="voice-state">
              {t.speak}
            </p>
            <time data-testid="voice-time">{clock(Date.now() - state.since)}</time>
            <i ref={this.#loud} class="loud" />
            {this.#button(t.stop, "voice-stop", () => this.#recorder.stop(), "end")}
            {leave}
          </>
        );
      case "ready":
        return (
          <>
            <p role="status" data-testid="voice-state">
              {t.ready(clock(state.ms))}
            </p>
            {/* biome-ignore lint/a11y/useMediaCaption: somebody's own voice */}
            <audio controls src={this.#url} aria-label={t.listen} />
            {this.#button(t.send, "voice-send", () => void this.#send(state.sound, state.ms), "go")}
            {this.#button(t.again, "voice-again", () => void this.#recorder.start())}
            {leave}
          </>
        );
      case "failed":
        return (
          <>
            <p role="alert" data-testid="voice-state">
              <Late
                part={() => import("./trouble.late")}
                with={{ trouble: state.trouble, language: this.#o.language() }}
              />
            </p>
            {this.#button(t.write, "voice-write", () => this.#o.write(), "go")}
            {leave}
          </>
        );
      default:
        return (
          <>
            <p role="status" data-testid="voice-state">
              {state.is === "asking" ? t.asking : t.short}
            </p>
            {state.is === "idle" && this.#button(t.start, "voice-again", () => void this.#recorder.start(), "go")}
            {leave}
          </>
        );
    }
  }

  #sent() {
    const t = this.#t;
    const s = this.#sending;
    if (s.is === "going") {
      return (
        <>
          <p role="status" data-testid="voice-state" data-waits={s.waits}>
            {s.waits ? t.waits : t.going}
          </p>
          <progress value={s.share} aria-label={t.going} />
          {this.#button(t.drop, "voice-drop", () => this.#o.done())}
        </>
      );
    }
    return (
      <>
        <p role="status" data-testid="voice-state">
          {s.is === "there" ? t.there : t.refused}
        </p>
        {s.is === "refused" && this.#button(t.write, "voice-write", () => this.#o.write(), "go")}
        {this.#button(s.is === "there" ? t.done : t.back, "voice-done", () => this.#o.done())}
      </>
    );
  }

  #button(text: string, id: string, click: () => void, look = "") {
    return (
      <button type="button" class={look} data-testid={id} onClick={click}>
        {id === "voice-send" ? <Icon name="up" /> : id === "voice-again" ? <Icon name="mic" /> : null}
        {text}
      </button>
    );
  }
}

/** 128 random bits. */
function newID(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Minutes and seconds. */
function clock(ms: number): string {
  const s = Math.floor(ms / 1000);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
