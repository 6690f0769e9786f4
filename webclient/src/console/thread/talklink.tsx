import { useState } from "preact/hooks";
import type { Conversation } from "../../shared/protocol";
import { Problem } from "../api";
import type { Desk } from "../desk";
import { replyRule } from "../rules";
import { Icon } from "./icons";
import type { Texts } from "./texts";

/** Sends the customer a link with which one tap calls; the call joins this conversation. Away while their page is
 * open, because then it can be called, and where nothing is known to send a link to. */
export function TalkLinkButton({ desk, conversation: c, t }: { desk: Desk; conversation: Conversation; t: Texts }) {
  const [at, setAt] = useState<"" | "going" | "gone">("");
  const way = wayTo(c, desk.store.company.value?.call_back ?? []);
  if (!desk.store.calls.value || c.online || c.call || c.state === "offered" || !way) return null;
  const blocked = way === "own" && !replyRule(c, desk.store.agent, Date.now()).may && c.agent === desk.store.agent;
  const send = async () => {
    setAt("going");
    try {
      // The same link again is of no use to anybody within a minute.
      const client_id = `talk-${Math.floor(Date.now() / 60_000)}`;
      if (c.agent !== desk.store.agent) desk.take(c.id);
      await desk.api.json("POST", `/conversations/${encodeURIComponent(c.id)}/talk-link`, { client_id });
      setAt("gone");
    } catch (e) {
      setAt("");
      desk.toast("error", e instanceof Problem && e.detail ? e.detail : t.linkFailed);
    }
  };
  const text = at === "gone" ? t.linkSent : t.sendLink;
  return (
    <button
      type="button"
      class="th-btn th-call"
      disabled={at !== "" || blocked}
      title={t.sendLinkHint(t.linkWays[way === "own" ? c.channel : way] ?? "")}
      aria-label={text}
      onClick={() => void send()}
      data-testid="talk-link"
    >
      <Icon name="phoneOut" />
      <span>{text}</span>
    </button>
  );
}

/** How a link reaches the customer; "" not at all. */
export function wayTo(c: Conversation, ways: readonly string[]): "own" | "sms" | "email" | "" {
  if (c.channel === "sms" || c.channel === "messenger") return "own";
  if (c.contact.phone && ways.includes("sms")) return "sms";
  return c.contact.email && ways.includes("email") ? "email" : "";
}
