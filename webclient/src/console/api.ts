// The REST side of the gateway, as the console uses it.

import type { Attachment, Conversation, Item } from "../shared/protocol";
import { type Fields, isFields, listOf, parse, text } from "./guard";

/** A request the gateway refused, or that did not arrive (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly field = "",
    readonly body: Fields = {},
  ) {
    super(detail || `status ${status}`);
  }
}

export interface Person {
  id: string;
  name: string;
}

export interface Hit {
  conversation: Conversation;
  item: Item;
  /** Words around; what was found stands between U+0002 and U+0003. */
  snippet: string;
}

/** What the console asks for by HTTP; a test hands in its own. */
export interface Api {
  session(): Promise<Person>;
  signIn(agent: string, password: string): Promise<Person>;
  signInDemo(agent: string): Promise<Person>;
  signOut(): Promise<void>;
  setup(token: string, agent: string, name: string, password: string): Promise<Person>;
  timeline(id: string, before: number): Promise<{ items: Item[]; more: boolean }>;
  conversation(id: string): Promise<Conversation>;
  conversations(query: Record<string, string>): Promise<{ conversations: Conversation[]; cursor: string }>;
  search(q: string): Promise<Hit[]>;
  /** progress hears how much has gone, 0 to 1. */
  upload(file: Blob, name: string, progress?: (share: number) => void): Promise<Attachment>;
  /** Any other request with JSON: what the answer means is the caller's business. path begins after /api/v1. */
  json(method: string, path: string, body?: unknown): Promise<unknown>;
}

type Fetch = (path: string, init: RequestInit) => Promise<Response>;

async function ask(fetcher: Fetch, method: string, path: string, body?: BodyInit, type?: string): Promise<unknown> {
  const init: RequestInit = { method, credentials: "same-origin", headers: type ? { "Content-Type": type } : {} };
  if (body !== undefined) init.body = body;
  let answer: Response;
  let raw: string;
  try {
    answer = await fetcher(`/api/v1${path}`, init);
    raw = await answer.text();
  } catch {
    throw new Problem(0, "");
  }
  return answerOf(answer.status, raw);
}

function answerOf(status: number, raw: string): unknown {
  const value = raw ? parse(raw) : undefined;
  if (status >= 200 && status < 300) return value;
  const fields = isFields(value) ? value : {};
  throw new Problem(status, text(fields.detail) || text(fields.title), text(fields.field), fields);
}

/** Like ask with POST, but says how far it is, which fetch cannot. */
async function post(path: string, body: Blob, type: string, progress: (share: number) => void): Promise<unknown> {
  const request = new XMLHttpRequest();
  request.open("POST", `/api/v1${path}`);
  request.setRequestHeader("Content-Type", type);
  request.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
  await new Promise((ended) => {
    request.onloadend = ended;
    request.send(body);
  });
  // A request that failed or was cut has the status 0.
  return answerOf(request.status, request.responseText);
}

function personOf(v: unknown): Person {
  const agent = isFields(v) ? v.agent : undefined;
  if (!isFields(agent) || !text(agent.id)) throw new Problem(401, "");
  return { id: text(agent.id), name: text(agent.name) || text(agent.id) };
}

function hitOf(v: unknown): Hit[] {
  if (!isFields(v)) return [];
  const conversation = v.conversation ?? v.Conversation;
  const item = v.item ?? v.Item;
  if (!isFields(conversation) || !isFields(item)) return [];
  return [
    {
      conversation: conversation as unknown as Conversation,
      item: item as unknown as Item,
      snippet: text(v.snippet ?? v.Snippet),
    },
  ];
}

export function httpApi(fetcher: Fetch): Api {
  const json = (method: string, path: string, body?: unknown) =>
    ask(fetcher, method, path, body === undefined ? undefined : JSON.stringify(body), "application/json");
  const segment = encodeURIComponent;
  return {
    json,
    session: async () => personOf(await ask(fetcher, "GET", "/session")),
    signIn: async (agent, password) => personOf(await json("POST", "/session", { agent, password })),
    signInDemo: async (agent) => personOf(await json("POST", "/session", { agent, demo: true })),
    signOut: async () => {
      await ask(fetcher, "DELETE", "/session");
    },
    setup: async (token, agent, name, password) =>
      personOf(await json("POST", "/setup", { token, agent, name, password })),
    timeline: async (id, before) => {
      const query = before > 0 ? `?limit=100&before=${before}` : "?limit=100";
      const v = await ask(fetcher, "GET", `/conversations/${segment(id)}/timeline${query}`);
      return { items: isFields(v) ? listOf<Item>(v.items, "id") : [], more: isFields(v) && v.more === true };
    },
    conversation: async (id) => {
      const v = await ask(fetcher, "GET", `/conversations/${segment(id)}`);
      if (!isFields(v) || !text(v.id)) throw new Problem(404, "");
      return v as unknown as Conversation;
    },
    conversations: async (query) => {
      const v = await ask(fetcher, "GET", `/conversations?${new URLSearchParams(query)}`);
      const fields = isFields(v) ? v : {};
      return { conversations: listOf<Conversation>(fields.conversations, "id"), cursor: text(fields.cursor) };
    },
    search: async (q) => {
      const v = await ask(fetcher, "GET", `/search?${new URLSearchParams({ q, limit: "50" })}`);
      return isFields(v) && Array.isArray(v.hits) ? v.hits.flatMap(hitOf) : [];
    },
    upload: async (file, name, progress) => {
      const path = `/files?${new URLSearchParams({ name })}`;
      const type = file.type || "application/octet-stream";
      const v = await (progress ? post(path, file, type, progress) : ask(fetcher, "POST", path, file, type));
      if (!isFields(v) || !text(v.file)) throw new Problem(500, "");
      return v as unknown as Attachment;
    },
  };
}
