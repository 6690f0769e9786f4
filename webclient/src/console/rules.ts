// May this agent answer here now, and what should be said about it? The gateway decides; this tells before.

import { type Conversation, MAX_TEXT_RUNES } from "../shared/protocol";
import { isOpen } from "./lists";

export type Block = "closed" | "opted_out" | "not_ours" | "window_closed" | "not_mine";

export type ReplyRule =
  | { may: true; notice: "none" }
  | { may: true; notice: "window" | "human_agent"; until: string }
  | { may: false; block: Block };

export function replyRule(c: Conversation, me: string, now: number): ReplyRule {
  if (!isOpen(c)) return { may: false, block: "closed" };
  if (c.opted_out) return { may: false, block: "opted_out" };
  if (c.not_ours) return { may: false, block: "not_ours" };
  const w = c.window;
  const until = w?.until ?? "";
  const ended = Date.parse(until) <= now;
  if (w && (w.state === "closed" || (w.state === "human_agent" && ended)))
    return { may: false, block: "window_closed" };
  if (c.agent !== me) return { may: false, block: "not_mine" };
  if (!w) return { may: true, notice: "none" };
  // The gateway told the state when it sent the head; the hours since may have ended it.
  return { may: true, notice: w.state === "human_agent" || ended ? "human_agent" : "window", until };
}

/** The longest text a channel takes in one message. */
export function textLimit(channel: string): number {
  return channel === "messenger" ? 2000 : MAX_TEXT_RUNES;
}

/** Fills a canned reply in. An unknown name leaves no gap. */
export function fillReply(template: string, name: string): string {
  const filled = template.replaceAll(/\{\{\s*name\s*\}\}/g, name);
  return name ? filled : filled.replaceAll(/ +([,.!?])/g, "$1");
}
