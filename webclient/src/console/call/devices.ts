// Which microphone and loudspeaker this browser uses for calls. Kept in the browser; a device that is not plugged in
// gives way to the system's own.

import { signal } from "@preact/signals-core";
import { microphone } from "../../shared/call-browser";
import type { Shelf } from "../drafts";

const KEY = "backline.sound";

export class Devices {
  /** Ids of the browser; "" as the system has it. */
  readonly microphone = signal("");
  readonly loudspeaker = signal("");

  constructor(private readonly shelf: Shelf | null) {
    try {
      const [mic = "", out = ""] = (shelf?.getItem(KEY) ?? "").split("\n");
      this.microphone.value = mic;
      this.loudspeaker.value = out;
    } catch {
      // no storage: as the system has it
    }
  }

  choose(mic: string, loudspeaker: string): void {
    this.microphone.value = mic;
    this.loudspeaker.value = loudspeaker;
    try {
      this.shelf?.setItem(KEY, `${mic}\n${loudspeaker}`);
    } catch {
      // it lasts as long as the page
    }
  }

  /** Opens the chosen microphone, or another where that is gone. */
  readonly open = async (ask: (device?: string) => Promise<MediaStream> = microphone): Promise<MediaStream> => {
    const chosen = this.microphone.peek();
    if (!chosen) return ask();
    try {
      return await ask(chosen);
    } catch (e) {
      if (!(e instanceof Error) || (e.name !== "OverconstrainedError" && e.name !== "NotFoundError")) throw e;
      return ask();
    }
  };

  /** Lets an element sound where it was chosen, if the browser can and the device is there. */
  async aim(element: HTMLMediaElement): Promise<void> {
    const to = element as HTMLMediaElement & { setSinkId?(id: string): Promise<void> };
    try {
      await to.setSinkId?.(this.loudspeaker.peek());
    } catch {
      await to.setSinkId?.("").catch(() => {});
    }
  }
}
