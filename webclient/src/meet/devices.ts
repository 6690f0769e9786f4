// This page's camera, microphone and screen.

import type { MicTrouble } from "../shared/call";
import { trouble } from "../shared/media";

export type DeviceKind = "audioinput" | "videoinput" | "audiooutput";

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 24, max: 30 } };

export class Devices {
  mic: MediaStreamTrack | undefined;
  cam: MediaStreamTrack | undefined;
  screen: MediaStreamTrack | undefined;
  list: MediaDeviceInfo[] = [];
  chosen: Partial<Record<DeviceKind, string>> = {};
  trouble: MicTrouble | undefined;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Asks for what is missing, both at once if both are: one question of the browser. */
  async take(want: { mic: boolean; cam: boolean }): Promise<void> {
    const mic = want.mic && !this.mic;
    const cam = want.cam && !this.cam;
    if (!mic && !cam) return;
    this.trouble = undefined;
    try {
      await this.#get(mic, cam);
    } catch (error) {
      // Without a camera there may still be a microphone.
      if (mic && cam)
        await this.#get(true, false)
          .catch(() => this.#get(false, true))
          .catch(() => {});
      this.trouble = trouble(error);
    }
    this.list = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.#changed();
  }

  async choose(kind: DeviceKind, id: string): Promise<void> {
    this.chosen[kind] = id;
    if (kind === "audioinput" && this.mic) {
      this.#drop("mic");
      await this.take({ mic: true, cam: false });
    }
    if (kind === "videoinput" && this.cam) {
      this.#drop("cam");
      await this.take({ mic: false, cam: true });
    }
    this.#changed();
  }

  /** Switches the camera off: its lamp goes out. */
  dark(): void {
    this.#drop("cam");
    this.#changed();
  }

  /** Asks which screen to share; false: none. */
  async share(ended: () => void): Promise<boolean> {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { max: 15 }, width: { max: 1920 }, height: { max: 1080 } },
        audio: false,
      });
      this.screen = stream.getVideoTracks()[0];
    } catch {
      return false; // the person thought better of it
    }
    if (!this.screen) return false;
    this.screen.contentHint = "detail";
    this.screen.onended = () => {
      this.unshare();
      ended();
    };
    return true;
  }

  unshare(): void {
    this.#drop("screen");
  }

  stop(): void {
    for (const what of ["mic", "cam", "screen"] as const) this.#drop(what);
  }

  async #get(mic: boolean, cam: boolean): Promise<void> {
    // iOS: else the silent switch of the phone mutes the others as if they were music.
    const session = (navigator as { audioSession?: { type: string } }).audioSession;
    if (session) session.type = "play-and-record";
    const device = (kind: DeviceKind) => (this.chosen[kind] ? { deviceId: { ideal: this.chosen[kind] ?? "" } } : {});
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: mic ? { ...AUDIO, ...device("audioinput") } : false,
      video: cam ? { ...VIDEO, ...device("videoinput") } : false,
    });
    for (const track of stream.getTracks()) {
      const what = track.kind === "audio" ? "mic" : "cam";
      this.#drop(what);
      this[what] = track;
      track.onended = () => {
        if (this[what] !== track) return;
        this[what] = undefined; // it was pulled out
        this.#changed();
      };
    }
  }

  #drop(what: "mic" | "cam" | "screen"): void {
    const track = this[what];
    this[what] = undefined;
    if (!track) return;
    track.onended = null;
    track.stop();
  }
}

/** Permission was given before: the preview may begin by itself. */
export async function allowed(): Promise<boolean> {
  try {
    const ask = (name: string) => navigator.permissions.query({ name: name as PermissionName });
    const [mic, cam] = await Promise.all([ask("microphone"), ask("camera")]);
    return mic.state === "granted" && cam.state === "granted";
  } catch {
    return false; // the browser does not tell
  }
}
