// A call in a row of the list: its picture and its words. Pure.

import type { Conversation } from "../../shared/protocol";
import { meetTexts } from "../meet/texts";
import type { Language } from "../settings";
import { stopwatch } from "../thread/format";
import type { IconName } from "../thread/icons";
import { callTexts } from "./texts";
import { sinceOf } from "./view";

/** null: no call is the last that happened. */
export function callIcon(c: Conversation): IconName | null {
  if (c.call) return c.call.state === "waiting" ? "phoneIn" : "phone";
  if (c.meeting) return "video";
  if (!c.last_call) return null;
  return c.last_call.outcome === "answered" ? "phone" : "phoneMissed";
}

/** "" likewise. A call that waits says so only until it rings somewhere. */
export function callPreview(c: Conversation, language: Language, now: number): string {
  const t = callTexts(language);
  if (c.meeting) {
    const mt = meetTexts(language);
    return c.meeting.by || c.agent ? mt.previewOpen : mt.preview(c.meeting.name);
  }
  if (c.last_call) return t.preview(c.last_call);
  switch (c.call?.state) {
    case undefined:
      return "";
    case "waiting":
      return c.state === "offered" ? "" : t.previewWaiting;
    case "ringing":
      return t.previewRinging;
    case "answered":
    case "connected":
      if (c.call.held_since) return t.previewHeld(stopwatch(now - Date.parse(c.call.held_since)));
      return t.previewCall(stopwatch(now - sinceOf(c.call)));
  }
}
