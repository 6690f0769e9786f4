// What the telephone senses while a line lives: how loud the microphone is, whether somebody speaks into it
// although it is muted, how good the line is.

import { signal } from "@preact/signals-core";
import { type Counted, counted, type Quality, quality } from "../../shared/call-quality";
import { Speech } from "./speech";

const LEVEL_EVERY_MS = 100;
const COUNT_EVERY_MS = 2000;

export interface SenseParts {
  /** A meter of the microphone that goes on when the line is muted. */
  meter(sound: MediaStream): { level(): number; close(): void };
  /** The line's own, of this moment. */
  stream(): MediaStream | undefined;
  peer(): RTCPeerConnection | undefined;
}

export class Sense {
  readonly level = signal(0);
  readonly speaking = signal(false);
  readonly quality = signal<Quality | "">("");
  private readonly speech = new Speech();
  private meter: { level(): number; close(): void } | null = null;
  private heard: MediaStream | undefined;
  private before: { peer: RTCPeerConnection; counted: Counted } | null = null;
  private readonly beats: ReturnType<typeof setInterval>[];

  constructor(private readonly o: SenseParts) {
    this.beats = [
      setInterval(() => this.listen(), LEVEL_EVERY_MS),
      setInterval(() => void this.count(), COUNT_EVERY_MS),
    ];
    void this.count();
  }

  dispose(): void {
    for (const beat of this.beats) clearInterval(beat);
    this.meter?.close();
  }

  private listen(): void {
    const stream = this.o.stream();
    if (stream !== this.heard) {
      this.meter?.close();
      this.meter = stream ? this.o.meter(stream) : null;
      this.heard = stream;
      this.speech.reset();
    }
    const level = this.meter?.level() ?? 0;
    this.level.value = Math.round(level * 20) / 20; // fewer, larger steps: each one is drawn
    this.speaking.value = this.speech.hears(level);
  }

  private async count(): Promise<void> {
    const peer = this.o.peer();
    if (!peer) return;
    const now = counted((await peer.getStats()) as unknown as Iterable<[string, unknown]>);
    const { before } = this;
    this.before = now ? { peer, counted: now } : null;
    if (now && before?.peer === peer) this.quality.value = quality(before.counted, now);
  }
}
