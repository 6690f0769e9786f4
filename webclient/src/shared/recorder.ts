// Records what somebody says: a voice message before it is sent.
//
//   idle → asking → recording → ready → (recording again | idle)
//             ↘ failed (there is no microphone)
//
// It ends by itself after MAX_VOICE_MS, and when the microphone is taken away: what was said until then is kept.

import type { MicTrouble } from "./call";

export type Recording =
  | { is: "idle" }
  | { is: "asking" }
  | { is: "recording"; since: number } // Date.now()
  | { is: "ready"; sound: Blob; ms: number }
  | { is: "failed"; trouble: MicTrouble };

export interface RecorderOptions {
  /** Asks for the microphone; rejects as getUserMedia does. */
  microphone(): Promise<MediaStream>;
  trouble(error: unknown): MicTrouble;
  record(stream: MediaStream): MediaRecorder;
  mostMS: number;
  changed(): void;
}

/** What is recorded is handed over this often, so that little is lost when the browser is short of memory. */
const SLICE_MS = 1000;
/** Shorter than this nobody has said anything. */
const LEAST_MS = 500;

export class Recorder {
  state: Recording = { is: "idle" };
  stream: MediaStream | undefined;
  #recorder: MediaRecorder | undefined;
  #end: ReturnType<typeof setTimeout> | undefined;
  /** Grows with each start and end, so that a late microphone finds that nobody waits for it. */
  #turn = 0;

  readonly #o: RecorderOptions;

  constructor(o: RecorderOptions) {
    this.#o = o;
  }

  /** To be called in a click. */
  async start(): Promise<void> {
    if (this.state.is === "asking" || this.state.is === "recording") return;
    const turn = ++this.#turn;
    this.#to({ is: "asking" });
    try {
      const stream = await this.#o.microphone();
      if (turn === this.#turn) this.#record(stream);
      else release(stream);
    } catch (e) {
      if (turn === this.#turn) this.#to({ is: "failed", trouble: this.#o.trouble(e) });
    }
  }

  stop(): void {
    if (this.#recorder?.state === "recording") this.#recorder.stop(); // its last piece and its end follow
  }

  /** Forgets everything. */
  discard(): void {
    this.#turn++;
    const recorder = this.#recorder;
    this.#recorder = undefined;
    if (recorder?.state === "recording") recorder.stop();
    this.#over();
    this.#to({ is: "idle" });
  }

  #record(stream: MediaStream): void {
    const recorder = this.#o.record(stream);
    const since = Date.now();
    const parts: Blob[] = [];
    this.stream = stream;
    this.#recorder = recorder;
    recorder.ondataavailable = (e) => parts.push(e.data);
    recorder.onstop = recorder.onerror = () => {
      if (recorder !== this.#recorder) return;
      const ms = Math.min(Date.now() - since, this.#o.mostMS);
      this.#recorder = undefined;
      this.#over();
      // Its parameters are not part of the type: the gateway looks at the content.
      const sound = new Blob(parts, { type: recorder.mimeType.split(";")[0] ?? "" });
      this.#to(ms < LEAST_MS || !sound.size ? { is: "idle" } : { is: "ready", sound, ms });
    };
    recorder.start(SLICE_MS);
    this.#end = setTimeout(() => this.stop(), this.#o.mostMS);
    this.#to({ is: "recording", since });
  }

  #over(): void {
    clearTimeout(this.#end);
    if (this.stream) release(this.stream);
    this.stream = undefined;
  }

  #to(state: Recording): void {
    this.state = state;
    this.#o.changed();
  }
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** Enough for a voice: about 180 KB a minute. */
const BITS_PER_SECOND = 24_000;

/** What the browsers know: Chromium and Firefox the first, Safari the second. */
const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

export function recorderOf(stream: MediaStream): MediaRecorder {
  const mimeType = TYPES.find((t) => MediaRecorder.isTypeSupported(t));
  return new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_SECOND, ...(mimeType ? { mimeType } : {}) });
}

/** Whether this browser can record at all. */
export function canRecord(): boolean {
  return isSecureContext && typeof MediaRecorder === "function" && Boolean(navigator.mediaDevices?.getUserMedia);
}
