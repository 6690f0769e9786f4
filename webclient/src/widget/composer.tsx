// Where the visitor writes: text, files, send.

import { Component, createRef } from "preact";
import { type Attachment, MAX_ATTACHMENTS, MAX_FILE_BYTES, MAX_TEXT_RUNES } from "../shared/protocol";
import type { Chat } from "./chat";
import { Icon } from "./icons";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  t: Texts;
  /** What was written and not sent when the page changed. */
  draft: string;
  keepDraft(text: string): void;
  /** Gets the composer while it is there. */
  handle: { current: Composer | null };
}

interface Staged {
  file: File;
  share: number;
  /** Why it did not go up: "" while it may, "no" when the gateway does not take such a file. */
  failed: string;
  stored?: Attachment;
  stop: AbortController;
}

export class Composer extends Component<Props, { text: string; problem: string }> {
  override state = { text: this.props.draft, problem: "" };
  #staged: Staged[] = [];
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
    for (const s of this.#staged) this.#drop(s);
  }

  focus(): void {
    this.#field.current?.focus();
  }

  attach(files: Iterable<File>): void {
    const { t } = this.props;
    let problem = "";
    for (const file of files) {
      if (file.size > MAX_FILE_BYTES) problem = t.tooLarge(file.name);
      else if (this.#staged.length >= MAX_ATTACHMENTS) problem = t.tooMany(MAX_ATTACHMENTS);
      else this.#upload({ file, share: 0, failed: "", stop: new AbortController() });
    }
    this.setState({ problem });
  }

  #upload(s: Staged): void {
    const { chat } = this.props;
    if (!this.#staged.includes(s)) this.#staged = [...this.#staged, s];
    s.failed = "";
    chat.uploading++;
    const progress = (share: number) => {
      s.share = share;
      this.forceUpdate();
    };
    import("./upload")
      .then(({ upload }) => upload(chat.uploadURL(), chat.talk.token, s.file, s.stop.signal, progress))
      .then((f) => {
        s.stored = { file: f.id, name: f.name, kind: f.type.split("/")[0] ?? "", content_type: f.type };
      })
      .catch((e: Error) => {
        s.failed = e.message;
      })
      .finally(() => {
        chat.uploading--;
        this.forceUpdate();
      });
  }

  #drop(s: Staged): void {
    s.stop.abort();
    this.#staged = this.#staged.filter((one) => one !== s);
    this.forceUpdate();
  }

  #write(text: string): void {
    this.setState({ text });
    this.props.keepDraft(text);
  }

  readonly #send = (e?: Event): void => {
    e?.preventDefault();
    if (!this.#sendable) return;
    this.props.chat.say(
      this.state.text,
      this.#staged.flatMap((s) => s.stored ?? []),
    );
    this.#staged = [];
    this.#write("");
    this.focus();
  };

  get #sendable(): boolean {
    return this.#staged.every((s) => s.stored) && (this.state.text.trim() !== "" || this.#staged.length > 0);
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
        {this.#staged.length > 0 && (
          <ul class="staged">
            {this.#staged.map((s) => (
              <li key={s.file} class="chip">
                <Icon name="file" size={18} />
                <span>{s.file.name}</span>
                {s.failed === "no" ? (
                  t.notAccepted
                ) : s.failed ? (
                  <button type="button" class="text" onClick={() => this.#upload(s)}>
                    {t.uploadFailed} · {t.retry}
                  </button>
                ) : (
                  !s.stored && <progress value={s.share} aria-label={s.file.name} />
                )}
                <button type="button" class="icon" aria-label={t.remove(s.file.name)} onClick={() => this.#drop(s)}>
                  <Icon name="x" size={16} />
                </button>
              </li>
            ))}
          </ul>
        )}
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
          <button type="submit" class="send" data-testid="send" aria-label={t.send} aria-disabled={!this.#sendable}>
            <Icon name="up" size={22} />
          </button>
        </div>
      </form>
    );
  }
}
