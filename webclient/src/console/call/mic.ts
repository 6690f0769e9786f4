// May this browser use a microphone, and is there one? Watched, so that a change in the browser's settings or a
// headset plugged in shows at once. Nothing is asked of the agent here except by ask().

import { signal } from "@preact/signals-core";
import { microphone, trouble } from "../../shared/call-browser";

export type MicState =
  | "unknown" // the browser does not say: it will show when a call is accepted
  | "ready"
  | "ask" // the browser will ask
  | "denied"
  | "blocked"
  | "missing"
  | "busy"
  | "insecure"
  | "unsupported";

/** A call cannot be accepted here as it stands. */
export function isDumb(s: MicState): boolean {
  return s !== "unknown" && s !== "ready" && s !== "ask" && s !== "busy";
}

export class MicWatch {
  readonly state = signal<MicState>("unknown");
  private permission: PermissionStatus | null = null;
  private readonly look = () => void this.read();

  async start(): Promise<void> {
    try {
      this.permission = await navigator.permissions.query({ name: "microphone" as PermissionName });
      this.permission.addEventListener("change", this.look);
    } catch {
      // a browser that does not know this permission
    }
    navigator.mediaDevices?.addEventListener("devicechange", this.look);
    await this.read();
  }

  stop(): void {
    this.permission?.removeEventListener("change", this.look);
    navigator.mediaDevices?.removeEventListener("devicechange", this.look);
  }

  /** Lets the browser ask, and gives the microphone back at once. */
  async ask(): Promise<void> {
    try {
      for (const track of (await microphone()).getTracks()) track.stop();
      this.state.value = "ready";
    } catch (e) {
      this.state.value = trouble(e);
    }
  }

  private async read(): Promise<void> {
    if (!isSecureContext) this.state.value = "insecure";
    else if (!navigator.mediaDevices?.getUserMedia) this.state.value = "unsupported";
    else this.state.value = stateOf(this.permission?.state, await microphones());
  }
}

/** How many microphones there are; NaN when the browser does not say. */
async function microphones(): Promise<number> {
  try {
    return (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "audioinput").length;
  } catch {
    return Number.NaN;
  }
}

export function stateOf(permission: PermissionState | undefined, devices: number): MicState {
  if (permission === "denied") return "denied";
  if (devices === 0) return "missing";
  if (permission === "granted") return "ready";
  return permission === "prompt" ? "ask" : "unknown";
}
