// Where the visitor writes: text, files, send.

import { Component, createRef } from "preact";
import { MAX_ATTACHMENTS, MAX_FILE_BYTES, MAX_TEXT_RUNES } from "../shared/protocol";
import type { Chat } from "./chat";
import { Icon } from "./icons";
import { kit } from "./late";
import type { Texts } from "./texts/en";

type Files = InstanceType<ReturnType<typeof import("./files.late")["default"]>>;

interface Props {
  chat: Chat;
  t: Texts;
  /** What was written and not sent when the page changed. */
  draft: string;
  keepDraft(text: string): void;
  /** Gets the composer while it is there. */
  handle: { current: Composer | null };
}

export class Composer extends Component<Props, { text: string; problem: string }> {
  override state = { text: this.props.draft, problem: "" };
  #files: Files | undefined;
  readonly #field = createRef<HTMLTextAreaElement>();
  readonly #picker = createRef<HTMLInputElement>();

  override componentDidMount(): void {
    this.props.handle.current = this;
    this.#grow();
  }

  override componentDidUpdate(): void {
    this.#grow();
  }

  override componentWillUnmount(): void {
    this.props.handle.current = null;
    this.#files?.clear();
  }

  focus(): void {
    this.#field.current?.focus();
  }

  attach(files: Iterable<File>): void {
    const { chat, t } = this.props;
    const chosen = [...files];
    import("./files.late").then(
      (part) => {
        const Files = part.default(kit);
        const most = { bytes: MAX_FILE_BYTES, files: MAX_ATTACHMENTS };
        this.#files ??= new Files(chat, t, most, () => this.forceUpdate());
        this.#files.add(chosen);
      },
      () => this.setState({ problem: t.uploadFailed }),
    );
  }

  #write(text: string): void {
    this.setState({ text });
    this.props.keepDraft(text);
  }

  readonly #send = (e?: Event): void => {
    e?.preventDefault();
    if (!this.#sendable) return;
    this.props.chat.say(this.state.text, this.#files?.take());
    this.#write("");
    this.focus();
  };

  get #sendable(): boolean {
    const files = this.#files;
    return (!files || files.stored) && Boolean(this.state.text.trim() || files?.count);
  }

  /** Enter sends where there are keys; on a touch screen it ends the line. */
  readonly #key = (e: KeyboardEvent): void => {
    if (e.key !== "Enter" || e.shiftKey || e.isComposing || matchMedia("(pointer:coarse)").matches) return;
    this.#send(e);
  };

  #grow(): void {
    const field = this.#field.current;
    if (!field) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 3}px`;
  }

  override render() {
    const { t, chat } = this.props;
    return (
      <form class="composer" onSubmit={this.#send}>
        {this.state.problem && <p role="alert">{this.state.problem}</p>}
        {this.#files?.view()}
        <div class="write">
          <button
            type="button"
            class="icon"
            data-testid="attach"
            aria-label={t.attach}
            title={t.attach}
            onClick={() => this.#picker.current?.click()}
          >
            <Icon name="clip" />
          </button>
          <input
            ref={this.#picker}
            type="file"
            multiple
            hidden
            onChange={(e) => {
              this.attach(e.currentTarget.files ?? []);
              e.currentTarget.value = "";
            }}
          />
          <textarea
            ref={this.#field}
            data-testid="composer"
            rows={1}
            maxLength={MAX_TEXT_RUNES}
            aria-label={t.message}
            placeholder={t.message}
            value={this.state.text}
            onInput={(e) => {
              this.#write(e.currentTarget.value);
              chat.types();
            }}
            onKeyDown={this.#key}
          />
          {!this.state.text && (
            <button
              type="button"
              class="icon"
              data-testid="record"
              aria-label={t.speak}
              onClick={() => void chat.calls().then((c) => c.leave("voice"))}
            >
              <Icon name="mic" />
            </button>
          )}
          <button type="submit" class="send" data-testid="send" aria-label={t.send} aria-disabled={!this.#sendable}>
            <Icon name="up" size={22} />
          </button>
        </div>
      </form>
    );
  }
}
