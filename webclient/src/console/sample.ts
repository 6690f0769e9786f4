// Conversations for tests.

import type { Conversation } from "../shared/protocol";

export function sampleConversation(part: Partial<Conversation> = {}): Conversation {
  return {
    id: "c1",
    channel: "livechat",
    entry: "shop",
    state: "active",
    queue: "main",
    agent: "jana",
    target: "queue/main",
    contact: {
      id: "k1",
      name: "Henrik Kolbe",
      email: "",
      phone: "",
      picture: "",
      language: "de",
      page: "",
      identities: [],
    },
    opened_at: "2026-11-24T09:00:00Z",
    waiting_since: null,
    closed_at: null,
    last_at: "2026-11-24T09:00:00Z",
    last_inbound: null,
    preview: "Where is it?",
    preview_from: "inbound",
    unread: 0,
    messages: { inbound: 1, outbound: 0 },
    offer: null,
    window: null,
    opted_out: false,
    not_ours: false,
    online: false,
    priority: 0,
    subject: "",
    call: null,
    last_call: null,
    wrap_up_until: null,
    meeting: null,
    rev: 1,
    ...part,
  };
}

/** One that rings at these agents. */
export function ringingAt(agents: string[], part: Partial<Conversation> = {}): Conversation {
  const offer = { id: `o-${part.id ?? "c1"}`, agents, until: "2026-11-24T09:00:20Z" };
  return sampleConversation({ state: "offered", agent: "", offer, ...part });
}
