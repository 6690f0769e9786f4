// Plays the tracks of a recording together. They are equally long and in step; the first leads, and what drifts from
// it is brought back. Nothing is loaded before somebody plays.

import { signal } from "@preact/signals-core";

/** A track that can be heard; an HTMLAudioElement is one. */
export interface Sound {
  currentTime: number;
  readonly ended: boolean;
  play(): Promise<void>;
  pause(): void;
}

const LOOK_MS = 200;
/** Further apart than this is heard as an echo. */
const APART_S = 0.12;

export class Playing {
  readonly state = signal<"idle" | "loading" | "playing" | "paused" | "failed">("idle");
  /** Seconds since the beginning. */
  readonly at = signal(0);
  private sounds: Sound[] = [];
  private beat: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly seconds: number,
    private readonly load: () => Sound[],
  ) {}

  async toggle(): Promise<void> {
    if (this.state.value === "playing") this.pause();
    else if (this.state.value !== "loading") await this.play();
  }

  seek(to: number): void {
    this.at.value = Math.min(this.seconds, Math.max(0, to));
    for (const s of this.sounds) s.currentTime = this.at.value;
  }

  dispose(): void {
    clearInterval(this.beat);
    for (const s of this.sounds) s.pause();
    this.sounds = [];
  }

  private async play(): Promise<void> {
    if (this.sounds.length === 0) this.sounds = this.load();
    this.state.value = "loading";
    if (this.at.value >= this.seconds) this.at.value = 0;
    for (const s of this.sounds) s.currentTime = this.at.value;
    try {
      await Promise.all(this.sounds.map((s) => s.play()));
    } catch {
      this.dispose();
      this.state.value = "failed";
      return;
    }
    if (this.sounds.length === 0) return; // closed meanwhile
    this.state.value = "playing";
    clearInterval(this.beat);
    this.beat = setInterval(() => this.look(), LOOK_MS);
  }

  private pause(): void {
    clearInterval(this.beat);
    for (const s of this.sounds) s.pause();
    this.state.value = "paused";
  }

  private look(): void {
    const [first, ...others] = this.sounds;
    if (!first) return;
    this.at.value = Math.min(this.seconds, first.currentTime);
    for (const s of others)
      if (Math.abs(s.currentTime - first.currentTime) > APART_S) s.currentTime = first.currentTime;
    if (!first.ended) return;
    this.pause();
    this.seek(0);
  }
}
