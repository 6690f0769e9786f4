// What the visitor decides about what is kept: on this device or in this tab, or not at all.

import type { Chat } from "./chat";
import type { Keep } from "./keep";

/** Moves everything to the device, or back to this tab. */
export function last(keep: Keep, lasting: boolean): void {
  if (keep.lasting === lasting) return;
  for (const name of keep.names()) {
    if (keep.ofTab.includes(name)) continue;
    keep.set(name, keep.get(name), lasting);
    if (keep.get(name, lasting) !== undefined) keep.set(name, undefined);
  }
  keep.lasting = lasting;
}

/** Deletes the conversation from this browser; the company's record stays. */
export function erase(chat: Chat, keep: Keep): void {
  chat.line.stop();
  chat.outbox.clear();
  keep.set("contact", undefined);
  keep.set("known", undefined);
  chat.talk.erase();
  last(keep, false);
  chat.status = undefined;
  chat.line.start();
}
