// The emergency switch of this console: reads what is prepared, presses, says why it did not work.
//
//   loading → ready ⇄ working
//      ↓         (failure says what the last press came to)
//   failed

import { signal } from "@preact/signals-core";
import { type Api, Problem } from "../api";
import { type EmergencyState, emergencyOf } from "./state";

export type Failure = "" | "forbidden" | "other";

export class Switch {
  readonly at = signal<"loading" | "ready" | "working" | "failed">("loading");
  readonly state = signal<EmergencyState | null>(null);
  readonly why = signal("");
  readonly texts = signal<Readonly<Record<string, string>>>({});
  readonly failure = signal<Failure>("");
  /** What the gateway said to a refused press. */
  readonly detail = signal("");
  /** The field that was wrong: why, text.de. */
  readonly field = signal("");
  /** The last press was the saving of texts, and it was done. */
  readonly saved = signal(false);
  private touched = false;

  constructor(private readonly api: Api) {}

  /** Reads the state; what somebody has begun to write here stays. */
  async load(): Promise<void> {
    try {
      this.take(emergencyOf(await this.api.json("GET", "/emergency")));
    } catch {
      if (this.at.value === "loading") this.at.value = "failed";
    }
  }

  write(language: string, said: string): void {
    this.touched = true;
    this.saved.value = false;
    this.texts.value = { ...this.texts.value, [language]: said };
  }

  start(): Promise<boolean> {
    return this.press({ on: true, why: this.why.value.trim(), text: this.said() });
  }

  end(): Promise<boolean> {
    return this.press({ on: false, why: "" });
  }

  /** Changes what customers read while it is on. */
  async save(): Promise<void> {
    const why = this.state.value?.why ?? "";
    this.saved.value = await this.press({ on: true, why, text: this.said() });
  }

  private said(): Record<string, string> {
    const said: Record<string, string> = {};
    for (const [l, words] of Object.entries(this.texts.value)) said[l] = words.trim();
    return said;
  }

  private async press(body: { on: boolean; why: string; text?: Record<string, string> }): Promise<boolean> {
    if (this.at.value === "working") return false;
    this.at.value = "working";
    this.failure.value = "";
    this.field.value = "";
    this.saved.value = false;
    try {
      const answer = emergencyOf(await this.api.json("PUT", "/emergency", body));
      this.touched = false;
      if (answer) this.take(answer);
      else await this.load();
      return true;
    } catch (e) {
      this.failure.value = e instanceof Problem && e.status === 403 ? "forbidden" : "other";
      this.detail.value = e instanceof Problem && e.status !== 403 ? e.detail : "";
      this.field.value = e instanceof Problem ? e.field : "";
      return false;
    } finally {
      this.at.value = "ready";
    }
  }

  private take(state: EmergencyState | null): void {
    if (!state) throw new Problem(500, "");
    this.state.value = state;
    if (!this.touched) {
      this.texts.value = state.prepared;
      this.why.value = "";
    }
    this.at.value = "ready";
  }
}
