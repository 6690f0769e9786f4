// Files on their way to the gateway, shown above the field until the message with them is sent.

import type { Attachment } from "../shared/protocol";
import type { Chat } from "./chat";
import css from "./files.css?text";
import type { Kit } from "./late";
import { borrow, dress, Icon } from "./own/lent";
import type { Texts } from "./texts/en";
import { upload } from "./upload";

interface Staged {
  file: File;
  share: number;
  /** Why it did not go up: "" while it may, "no" when the gateway does not take such a file. */
  failed: string;
  stored?: Attachment;
  stop: AbortController;
}

export interface Limits {
  bytes: number;
  files: number;
}

export default (kit: Kit) => {
  borrow(kit);
  dressed ??= dress(css);
  return Files;
};

let dressed: ReturnType<Kit["dress"]>;

class Files {
  #staged: Staged[] = [];
  /** What was wrong with the last choice; "" nothing. */
  problem = "";

  readonly #chat: Chat;
  readonly #t: Texts;
  readonly #most: Limits;
  readonly #changed: () => void;

  constructor(chat: Chat, t: Texts, most: Limits, changed: () => void) {
    this.#chat = chat;
    this.#t = t;
    this.#most = most;
    this.#changed = changed;
  }

  add(files: Iterable<File>): void {
    const t = this.#t;
    this.problem = "";
    for (const file of files) {
      if (file.size > this.#most.bytes) this.problem = t.tooLarge(file.name);
      else if (this.#staged.length >= this.#most.files) this.problem = t.tooMany(this.#most.files);
      else this.#upload({ file, share: 0, failed: "", stop: new AbortController() });
    }
    this.#changed();
  }

  get count(): number {
    return this.#staged.length;
  }

  /** All of them are with the gateway. */
  get stored(): boolean {
    return this.#staged.every((s) => s.stored);
  }

  /** They go with a message. */
  take(): Attachment[] {
    const taken = this.#staged.flatMap((s) => s.stored ?? []);
    this.#staged = [];
    return taken;
  }

  /** Nobody wants them any more. */
  clear(): void {
    for (const s of this.#staged) this.#drop(s);
  }

  #upload(s: Staged): void {
    const chat = this.#chat;
    if (!this.#staged.includes(s)) this.#staged = [...this.#staged, s];
    s.failed = "";
    chat.uploading++;
    const progress = (share: number) => {
      s.share = share;
      this.#changed();
    };
    upload(chat.uploadURL(), chat.talk.token, s.file, s.stop.signal, progress)
      .then((f) => {
        s.stored = { file: f.id, name: f.name, kind: f.type.split("/")[0] ?? "", content_type: f.type };
      })
      .catch((e: Error) => {
        s.failed = e.message;
      })
      .finally(() => {
        chat.uploading--;
        this.#changed();
      });
  }

  #drop(s: Staged): void {
    s.stop.abort();
    this.#staged = this.#staged.filter((one) => one !== s);
    this.#changed();
  }

  view() {
    const t = this.#t;
    return (
      <>
        {this.problem && <p role="alert">{this.problem}</p>}
        <ul ref={dressed} class="staged">
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
      </>
    );
  }
}
