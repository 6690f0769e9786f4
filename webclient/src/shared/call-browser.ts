// What a call needs of a browser: microphone, PeerConnection, sound, the lamp that stays on, a tone that rings.
// The line itself (call.ts) is told of these as functions, so that it runs in tests without any.

import type { MicTrouble } from "./call";

/** Asks for the microphone with what voices need. */
export async function microphone(device = ""): Promise<MediaStream> {
  // iOS: else the silent switch of the phone mutes the other side as if it were music.
  const session = (navigator as { audioSession?: { type: string } }).audioSession;
  if (session) session.type = "play-and-record";
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return navigator.mediaDevices.getUserMedia({ audio: device ? { ...audio, deviceId: { exact: device } } : audio });
}

/** Says what a rejection of microphone means here. */
export function trouble(error: unknown): MicTrouble {
  if (!isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia) return "unsupported";
  const policy = (document as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
      return policy && !policy.allowsFeature("microphone") ? "blocked" : "denied";
    case "SecurityError":
      return "blocked";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
  }
  return "unsupported";
}

/** Audio only, everything through one transport; the gateway is reached directly. */
export function peer(): RTCPeerConnection {
  return new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
}

/** Plays what the other side says. One for each line; play(null) ends it and lets the screen sleep again. */
export class Speaker {
  readonly element = new Audio();
  #lamp: WakeLockSentinel | undefined;

  constructor() {
    this.element.autoplay = true;
    this.element.setAttribute("playsinline", "");
  }

  readonly play = (sound: MediaStream | null): void => {
    this.element.srcObject = sound;
    document.removeEventListener("visibilitychange", this.#awake);
    if (!sound) {
      void this.#lamp?.release();
      this.#lamp = undefined;
      return;
    }
    document.addEventListener("visibilitychange", this.#awake);
    this.#awake();
    // Refused where nobody has clicked yet: then the next tap anywhere is taken.
    this.element.play().catch(() => addEventListener("pointerdown", () => void this.element.play(), { once: true }));
  };

  /** Keeps the screen on; the browser lets go of that whenever the page is hidden. */
  readonly #awake = (): void => {
    if (document.visibilityState !== "visible") return;
    navigator.wakeLock?.request().then(
      (lamp) => {
        if (this.element.srcObject) this.#lamp = lamp;
        else void lamp.release();
      },
      () => {}, // low battery; the call does not depend on it
    );
  };
}

/** How loud a microphone is, from 0 to 1, whenever asked. */
export class Meter {
  readonly #context = new AudioContext();
  readonly #ear = this.#context.createAnalyser();
  readonly #samples = new Uint8Array(256);

  constructor(sound: MediaStream) {
    this.#ear.fftSize = 256;
    this.#context.createMediaStreamSource(sound).connect(this.#ear);
  }

  level(): number {
    this.#ear.getByteTimeDomainData(this.#samples);
    return Math.min(1, this.#samples.reduce((most, v) => Math.max(most, Math.abs(v - 128)), 0) / 64);
  }

  close(): void {
    void this.#context.close();
  }
}

/** Tones that come again until stopped: a ring, or what a caller hears meanwhile. */
export interface Rhythm {
  hertz: number[];
  /** Length of the tone and of the pause behind it. */
  on: number;
  off: number;
  /** From 0 to 1. */
  volume: number;
}

export const RINGTONE: Rhythm = { hertz: [440, 554], on: 1, off: 3, volume: 0.12 };
export const RINGBACK: Rhythm = { hertz: [425], on: 1, off: 4, volume: 0.06 };

/** Plays a rhythm until the returned function is called. A browser that wants a click first stays silent. */
export function sounding(r: Rhythm): () => void {
  const audio = new AudioContext();
  const once = () => {
    const at = audio.currentTime;
    for (const hertz of r.hertz) {
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      tone.frequency.value = hertz;
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(r.volume, at + 0.03);
      loudness.gain.setValueAtTime(r.volume, at + r.on - 0.05);
      loudness.gain.linearRampToValueAtTime(0, at + r.on);
      tone.connect(loudness).connect(audio.destination);
      tone.start(at);
      tone.stop(at + r.on);
    }
  };
  once();
  const beat = setInterval(once, (r.on + r.off) * 1000);
  return () => {
    clearInterval(beat);
    void audio.close();
  };
}
