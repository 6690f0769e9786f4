// The chat's window.

import { Component, createRef } from "preact";
import { MAX_TEXT_RUNES } from "../shared/protocol";
import type { Chat } from "./chat";
import { Composer } from "./composer";
import { Head } from "./head";
import { Icon } from "./icons";
import type { Keep } from "./keep";
import { Late } from "./late";
import { Log } from "./log";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  keep: Keep;
  t: Texts;
  language: string;
  /** The address of the privacy notice; "" when there is none. */
  privacy: string;
  close(): void;
  /** Gets the window; Preact has refs for elements only. */
  handle: { current: App | null };
}

interface State {
  /** The visitor goes on after the end of a conversation. */
  again: boolean;
  /** What is wrong with the address. */
  problem: string;
}

/** An emergency: what is broken, and what works. */
function Notice({ text }: { text: string }) {
  const end = text.search(/[^.!?]+[.!?]*\s*$/);
  return (
    <p class="notice tape" role="status" data-testid="notice">
      {text.slice(0, end)}
      <b>{text.slice(end)}</b>
    </p>
  );
}

export class App extends Component<Props, State> {
  override state: State = { again: false, problem: "" };
  readonly #composer = createRef<Composer>();

  focus(): void {
    this.#composer.current?.focus();
  }

  readonly #keepDraft = (text: string): void => this.props.keep.set("draft", text || undefined);

  get #draft(): string {
    return String(this.props.keep.get("draft") ?? "");
  }

  /** Nobody can answer now, and there is nobody yet whom this would interrupt. */
  get #asks(): "message" | "address" | "" {
    const { status: s, outbox, known } = this.props.chat;
    if (!s || (s.staffed && s.open) || s.state === "active") return "";
    const ended = s.state === "none" || (s.state === "closed" && this.state.again);
    if (ended) return outbox.list.length ? "" : "message";
    return s.state === "waiting" && !known ? "address" : "";
  }

  #form(message: boolean) {
    const { chat, t } = this.props;
    const { problem } = this.state;
    const checked = (problem: string) => this.setState(problem ? { problem } : { problem, again: false });
    const write = { message, most: MAX_TEXT_RUNES, draft: this.#draft, keepDraft: this.#keepDraft };
    return <Late part={() => import("./form.late")} with={{ chat, t, problem, checked, ...write }} />;
  }

  #below(asks: string) {
    const { chat, t } = this.props;
    if (asks) return this.#form(asks === "message");
    const s = chat.status;
    if (s?.state === "waiting" && !(s.staffed && s.open) && chat.known) return <p class="event">{t.reached}</p>;
    if (s?.state === "none" && !chat.talk.items.length && !chat.outbox.list.length)
      return <p class="empty">{t.empty}</p>;
    return null;
  }

  #foot(asks: string) {
    const { chat, t } = this.props;
    if (asks === "message") return null;
    if (chat.status?.state === "closed" && !this.state.again && !chat.outbox.list.length) {
      return (
        <button
          type="button"
          class="primary"
          data-testid="again"
          onClick={() => this.setState({ again: true }, () => this.focus())}
        >
          {t.again}
        </button>
      );
    }
    return <Composer handle={this.#composer} chat={chat} t={t} draft={this.#draft} keepDraft={this.#keepDraft} />;
  }

  readonly #files = (e: DragEvent | ClipboardEvent): void => {
    const files = (e instanceof ClipboardEvent ? e.clipboardData : e.dataTransfer)?.files;
    if (!files?.length || !this.#composer.current) return;
    e.preventDefault();
    this.#composer.current.attach(files);
  };

  override componentDidMount(): void {
    this.props.handle.current = this;
  }

  override componentDidUpdate(): void {
    if (this.state.again && this.props.chat.status?.state !== "closed") this.setState({ again: false });
  }

  override render() {
    const { chat, keep, t, language, privacy, close } = this.props;
    const asks = this.#asks;
    const secure = chat.line.base().startsWith("https:");
    return (
      // biome-ignore lint/a11y/noStaticElementInteractions: files can be dropped and pasted anywhere; the button does the same
      <div class="panel" onPaste={this.#files} onDrop={this.#files} onDragOver={(e) => e.preventDefault()}>
        <Head {...{ chat, keep, t, close }} />
        {chat.status?.notice && <Notice text={chat.status.notice} />}
        {chat.lost && chat.status && (
          <p class="notice" role="status" data-testid="lost">
            {t.lost}
          </p>
        )}
        <Log {...{ chat, t, language }}>{this.#below(asks)}</Log>
        <footer>
          {this.#foot(asks)}
          <p class="legal">
            {secure && <Icon name="lock" size={12} />}
            {secure ? t.encrypted : t.plain}
            {privacy && (
              <a href={privacy} target="_blank" rel="noopener">
                {t.privacy}
              </a>
            )}
          </p>
        </footer>
      </div>
    );
  }
}
