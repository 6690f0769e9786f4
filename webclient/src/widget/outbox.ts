// Messages the visitor has written, until they come back as items of the conversation.
//
//   waiting → sent (acknowledged: on the gateway's disk) → gone (its item is here)
//           ↘ failed (the gateway will never take it)
//
// They are kept before they are sent and sent again, under the same client_id, on every new connection until
// acknowledged: nothing is lost, and the gateway drops repeats. One at a time, so that the order stays.

import type { Attachment, Kind, VisitorAck, VisitorMessage } from "../shared/protocol";
import type { Keep } from "./keep";

/** What a message may be beside text and files. */
export type Special = Pick<VisitorMessage, "voice_ms" | "call_back">;

export interface Unsent {
  id: string;
  text: string;
  files: Attachment[];
  /** When it was written, in ms; no two are equal. */
  at: number;
  state: "waiting" | "sent" | "failed";
  /** Left by the offline form. */
  offline: boolean;
  /** It is a voice message, or asks to be called back. */
  more?: Special | undefined;
  /** Why it failed. */
  failure?: Kind;
}

const PREFIX = "out:";
const RETRY_MS = 1000;
const LAST_RETRY_MS = 15000;

export class Outbox {
  readonly list: Unsent[];
  #flying: string | undefined;
  #refusals = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;

  readonly #keep: Keep;
  readonly #send: (m: VisitorMessage) => boolean;
  readonly #changed: () => void;

  constructor(keep: Keep, send: (m: VisitorMessage) => boolean, changed: () => void) {
    this.#keep = keep;
    this.#send = send;
    this.#changed = changed;
    this.list = keep
      .names(PREFIX)
      .map((name) => keep.get(name) as Unsent)
      .filter((m) => typeof m?.id === "string" && typeof m.text === "string" && Array.isArray(m.files))
      .sort((a, b) => a.at - b.at);
  }

  add(text: string, files: Attachment[], offline: boolean, more?: Special): void {
    const at = Math.max(Date.now(), (this.list.at(-1)?.at ?? 0) + 1);
    this.#put({ id: newID(), text, files, at, state: "waiting", offline, more });
    this.flush();
  }

  /** Sends the oldest message that waits, if none is under way. */
  flush(): void {
    const m = this.list.find((one) => one.state === "waiting");
    if (!m || this.#flying || this.#pause) return;
    const files = m.files.flatMap((a) => a.file ?? []);
    if (this.#send({ client_id: m.id, text: m.text, files, offline: m.offline, ...m.more })) this.#flying = m.id;
  }

  /** The connection is gone: what was under way may not have arrived. */
  down(): void {
    this.#flying = undefined;
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  ack(a: VisitorAck): void {
    const m = this.list.find((one) => one.id === a.client_id);
    if (this.#flying === a.client_id) this.#flying = undefined;
    if (!m) {
      this.flush(); // its item was faster
      return;
    }
    const kind = a.failure?.kind;
    if (kind === "too_many" || kind === "unavailable" || kind === "internal") {
      const wait = Math.min(LAST_RETRY_MS, RETRY_MS * 2 ** this.#refusals++);
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.flush();
      }, wait);
      return;
    }
    this.#refusals = 0;
    this.#put(kind ? { ...m, state: "failed", failure: kind } : { ...m, state: "sent" });
    this.flush();
  }

  /** The message is in the conversation, or nobody wants it any more. */
  remove(id: string): void {
    const i = this.list.findIndex((m) => m.id === id);
    const m = this.list[i];
    if (!m) return;
    this.list.splice(i, 1);
    this.#keep.set(PREFIX + id, undefined);
    this.#changed();
  }

  clear(): void {
    for (const m of [...this.list]) this.remove(m.id);
    this.down();
  }

  #put(m: Unsent): void {
    const i = this.list.findIndex((one) => one.id === m.id);
    if (i < 0) this.list.push(m);
    else this.list[i] = m;
    this.#keep.set(PREFIX + m.id, m);
    this.#changed();
  }
}

/** 128 random bits. crypto.randomUUID is missing on pages without TLS. */
export function newID(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
