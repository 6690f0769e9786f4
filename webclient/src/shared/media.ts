// The browser's side of a line: microphone, PeerConnection, sound, the lamp that stays on.

import type { MicTrouble } from "./call";
import type { ICEServer } from "./protocol";

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

/** How many people can be heard at once: a call of eight. */
const VOICES = 7;

/** Audio only, everything through one transport; the gateway is reached directly, or by relays where it must be.
 * Each voice has a track of its own, so that somebody can join without a new offer; the microphone takes the first. */
export function peer(relays: ICEServer[] = []): RTCPeerConnection {
  const iceServers = relays.map((r) => ({ ...r, urls: r.urls ?? [] }));
  const pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
  for (let i = 0; i < VOICES; i++) pc.addTransceiver("audio", { direction: "recvonly" });
  return pc;
}

/** Calls f when the browser says that its network is another; returns what ends that. */
export function networkMoves(f: () => void): () => void {
  const over = new AbortController();
  addEventListener("online", f, over);
  (navigator as { connection?: EventTarget }).connection?.addEventListener("change", f, over);
  return () => over.abort();
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
    if (sound && sound === this.element.srcObject) return; // said once for each voice
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
