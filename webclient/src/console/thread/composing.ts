// What an agent is writing in one conversation: the reply, the note, the files. It lives as long as the page,
// so that an upload goes on while another conversation is open; the texts are kept by Drafts.

import { signal } from "@preact/signals-core";
import { type Attachment, MAX_ATTACHMENTS, MAX_FILE_BYTES } from "../../shared/protocol";
import { Problem } from "../api";
import type { Desk } from "../desk";

export type Mode = "reply" | "note";

export interface Upload {
  key: number;
  name: string;
  size: number;
  image: boolean;
  state: "loading" | "done" | "failed";
  /** How much has gone, 0 to 1; NaN when it is not known. */
  share: number;
  why: "" | "too_large" | "no_line" | "refused";
  detail: string;
  attachment: Attachment | null;
}

export class Composing {
  readonly mode = signal<Mode>("reply");
  readonly reply = signal("");
  readonly note = signal("");
  readonly uploads = signal<readonly Upload[]>([]);
  /** More files were given than a message takes. */
  readonly tooMany = signal(false);
  /** Counts up when the caret should go into the text. */
  readonly focus = signal(0);
  /** The caret should go there as soon as the text can be written, if not now. */
  waiting = false;
  private files = new Map<number, File>();
  private next = 1;

  constructor(
    private readonly desk: Desk,
    readonly id: string,
  ) {
    const draft = desk.drafts.get(id);
    this.reply.value = draft.reply;
    this.note.value = draft.note;
    if (draft.note && !draft.reply) this.mode.value = "note";
  }

  get text(): string {
    return this.mode.value === "reply" ? this.reply.value : this.note.value;
  }

  /** The agent wrote something. */
  write(text: string): void {
    if (this.mode.value === "reply") {
      if (text.length > this.reply.value.length) this.desk.type(this.id);
      this.reply.value = text;
    } else this.note.value = text;
    this.keep();
  }

  /** Adds to what is written, on a line of its own. */
  add(text: string): void {
    const written = this.text;
    this.write(written === "" || written.endsWith("\n") ? written + text : `${written}\n${text}`);
  }

  open(mode: Mode, wait = false): void {
    this.mode.value = mode;
    this.waiting = wait;
    this.focus.value++;
  }

  /** There is something to send and no file is still on its way. */
  get ready(): boolean {
    const written = this.text.trim() !== "";
    if (this.mode.value === "note") return written;
    const uploads = this.uploads.value;
    return uploads.every((u) => u.state === "done") && (written || uploads.length > 0);
  }

  send(): boolean {
    if (!this.ready) return false;
    const text = this.text.trim();
    if (this.mode.value === "note") {
      this.desk.send(this.id, "note", text, []);
      this.note.value = "";
      this.mode.value = "reply";
    } else {
      const attachments = this.uploads.value.flatMap((u) => (u.attachment ? [u.attachment] : []));
      this.desk.send(this.id, "message", text, attachments);
      this.reply.value = "";
      this.uploads.value = [];
      this.files.clear();
      this.tooMany.value = false;
    }
    this.keep();
    return true;
  }

  attach(files: readonly File[]): void {
    const room = MAX_ATTACHMENTS - this.uploads.value.length;
    this.tooMany.value = files.length > room;
    for (const file of files.slice(0, Math.max(0, room))) {
      const key = this.next++;
      const tooLarge = file.size > MAX_FILE_BYTES;
      const upload: Upload = {
        key,
        name: file.name,
        size: file.size,
        image: file.type.startsWith("image/"),
        state: tooLarge ? "failed" : "loading",
        share: Number.NaN,
        why: tooLarge ? "too_large" : "",
        detail: "",
        attachment: null,
      };
      this.files.set(key, file);
      this.uploads.value = [...this.uploads.value, upload];
      if (!tooLarge) void this.upload(key, file);
    }
  }

  again(key: number): void {
    const file = this.files.get(key);
    if (!file) return;
    this.change(key, { state: "loading", why: "", share: Number.NaN });
    void this.upload(key, file);
  }

  remove(key: number): void {
    this.files.delete(key);
    this.uploads.value = this.uploads.value.filter((u) => u.key !== key);
    this.tooMany.value = false;
  }

  /** Nothing would be lost without it. */
  get idle(): boolean {
    return this.uploads.peek().length === 0;
  }

  private async upload(key: number, file: File): Promise<void> {
    try {
      const attachment = await this.desk.api.upload(file, file.name, (share) => this.change(key, { share }));
      this.change(key, { state: "done", attachment });
    } catch (e) {
      const status = e instanceof Problem ? e.status : 0;
      const why = status === 413 ? "too_large" : status === 0 ? "no_line" : "refused";
      this.change(key, { state: "failed", why, detail: e instanceof Problem ? e.detail : "" });
    }
  }

  private change(key: number, part: Partial<Upload>): void {
    this.uploads.value = this.uploads.value.map((u) => (u.key === key ? { ...u, ...part } : u));
  }

  private keep(): void {
    this.desk.drafts.set(this.id, { reply: this.reply.value, note: this.note.value });
  }
}
