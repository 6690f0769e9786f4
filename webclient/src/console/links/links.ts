// Talk links as the REST side makes and lists them.
//
//   writing → making → made, or back to writing with what was wrong

import { signal } from "@preact/signals-core";
import { type Api, Problem } from "../api";
import { type Fields, isFields, list, text } from "../guard";

export interface TalkLink {
  id: string;
  url: string;
  to: string;
  name: string;
  subject: string;
  public: boolean;
  revoked: boolean;
  expires: string;
}

/** What a link is made of; "" leaves a part out. */
export interface LinkForm {
  to: string;
  name: string;
  email: string;
  subject: string;
  language: string;
  ttl: string;
}

/** What a link is to be made with, and the conversation whose reply it may go into. */
export interface LinkStart extends Partial<LinkForm> {
  conversation?: string;
}

/** How long a link may be good, as the gateway reads it. */
export const TTLS = ["1h", "24h", "72h", "168h", "720h"] as const;
const PAGE = "20";

export class Links {
  readonly at = signal<"writing" | "making" | "made">("writing");
  readonly made = signal<TalkLink | null>(null);
  /** What was wrong; "" when the gateway did not answer. null: nothing. */
  readonly wrong = signal<{ detail: string; field: string } | null>(null);
  readonly recent = signal<readonly TalkLink[]>([]);
  readonly listing = signal<"loading" | "loaded" | "failed">("loading");
  /** Where the next page begins; "" at the end. */
  readonly cursor = signal("");

  constructor(private readonly api: Api) {}

  async load(more = false): Promise<void> {
    const cursor = more ? this.cursor.value : "";
    try {
      const query = new URLSearchParams({ limit: PAGE, ...(cursor ? { cursor } : {}) });
      const v = await this.api.json("GET", `/links?${query}`);
      const page = isFields(v) ? list(v.links).flatMap(linkOf) : [];
      this.recent.value = more ? [...this.recent.value, ...page] : page;
      this.cursor.value = isFields(v) ? text(v.cursor) : "";
      this.listing.value = "loaded";
    } catch {
      this.listing.value = "failed";
    }
  }

  async make(form: LinkForm): Promise<void> {
    if (this.at.value === "making") return;
    this.at.value = "making";
    this.wrong.value = null;
    try {
      const [link] = linkOf(await this.api.json("POST", "/links", bodyOf(form)));
      if (!link) throw new Problem(500, "");
      this.made.value = link;
      this.recent.value = [link, ...this.recent.value];
      this.at.value = "made";
    } catch (e) {
      const told = e instanceof Problem;
      this.wrong.value = { detail: told ? e.detail : "", field: told ? e.field : "" };
      this.at.value = "writing";
    }
  }

  another(): void {
    this.made.value = null;
    this.at.value = "writing";
  }

  async revoke(id: string): Promise<void> {
    try {
      await this.api.json("DELETE", `/links/${encodeURIComponent(id)}`);
      this.recent.value = this.recent.value.map((l) => (l.id === id ? { ...l, revoked: true } : l));
    } catch (e) {
      this.wrong.value = { detail: e instanceof Problem ? e.detail : "", field: "" };
    }
  }
}

function bodyOf(form: LinkForm): Fields {
  const contact = parts({ name: form.name, email: form.email });
  const body = parts({ to: form.to, subject: form.subject, language: form.language, ttl: form.ttl });
  return Object.keys(contact).length > 0 ? { ...body, contact } : body;
}

function parts(all: Record<string, string>): Fields {
  return Object.fromEntries(Object.entries(all).flatMap(([k, v]) => (v.trim() ? [[k, v.trim()]] : [])));
}

export function linkOf(v: unknown): TalkLink[] {
  if (!isFields(v) || !text(v.id) || !text(v.url)) return [];
  const contact = isFields(v.contact) ? v.contact : {};
  return [
    {
      id: text(v.id),
      url: text(v.url),
      to: text(v.to),
      name: text(contact.name) || text(contact.email),
      subject: text(v.subject),
      public: v.public === true,
      revoked: v.revoked === true,
      expires: text(v.expires_at),
    },
  ];
}
