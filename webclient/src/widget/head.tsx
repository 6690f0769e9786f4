// The top of the chat: whose it is, what is true now, the settings.

import { Component } from "preact";
import type { Chat } from "./chat";
import { Icon } from "./icons";
import type { Keep } from "./keep";
import { Late } from "./late";
import { Avatar } from "./log";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  t: Texts;
  keep: Keep;
  close(): void;
}

export class Head extends Component<Props, { settings: boolean; failed: boolean }> {
  override render() {
    const { chat, t, close } = this.props;
    const agent = chat.status?.agent;
    const { settings } = this.state;
    return (
      <div class="head">
        <div class="title">
          <h1 tabIndex={-1}>{chat.company.name || "Chat"}</h1>
          <button
            type="button"
            class="icon"
            data-testid="settings"
            aria-label={t.more}
            aria-expanded={Boolean(settings)}
            onClick={() => this.setState({ settings: !settings })}
          >
            <Icon name="more" />
          </button>
          <button type="button" class="icon" data-testid="close" aria-label={t.close} onClick={close}>
            <Icon name="x" size={22} />
          </button>
        </div>
        {chat.call?.view() ?? (
          <>
            <div class="truth">
              {agent && <Avatar name={agent} />}
              <p role="status" data-testid="status">
                {truth(chat, t)}
              </p>
            </div>
            {this.#callButton()}
          </>
        )}
        {settings && this.#settings()}
      </div>
    );
  }

  #callButton() {
    const { chat, t } = this.props;
    const s = chat.status;
    if (!s?.calls || !s.open) return null;
    return (
      <button
        type="button"
        class={s.staffed ? "primary call" : "primary call later"}
        data-testid="call"
        onPointerEnter={() => chat.calls().catch(() => {})} // the click says so
        onClick={() =>
          chat.calls().then(
            (c) => c.dial(),
            () => this.setState({ failed: true }),
          )
        }
      >
        <Icon name="phone" />
        {this.state.failed ? t.noCall : s.staffed ? t.call : t.callLater}
      </button>
    );
  }

  #settings() {
    const { chat, keep, t } = this.props;
    const changed = (settings: boolean) => this.setState({ settings });
    return <Late part={() => import("./settings.late")} with={{ chat, keep, t, changed }} />;
  }
}

/** One or two sentences, the first of them in bold. */
function truth(chat: Chat, t: Texts) {
  const { status: s, line } = chat;
  const state = line.state();
  if (state === "refused" || state === "outdated") return t[state];
  if (!s) return t.connecting;
  const wait =
    s.staffed && s.open && s.estimate_ms >= 0 ? ` ${t.estimate(Math.max(1, Math.ceil(s.estimate_ms / 60000)))}` : "";
  if (s.state === "active" && s.agent) return <b class="live">{t.answers(s.agent)}</b>;
  if (s.state === "closed") return t.over;
  if (!s.open) return <b>{t.outOfHours}</b>;
  if (!s.staffed) return <b>{t.absent}</b>;
  if (s.state === "none") {
    return (
      <>
        <b class="live">{t.here}</b>
        {wait}
      </>
    );
  }
  const place = s.state !== "waiting" || !s.position ? t.waiting : s.position === 1 ? t.next : t.place(s.position);
  return (
    <>
      <b>{place}</b>
      {wait}
    </>
  );
}
