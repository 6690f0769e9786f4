// Conversations with calls, and a desk's store, for tests.

import type { Call, CallRecord, ConsoleWelcome, Conversation } from "../../shared/protocol";
import { sampleConversation } from "../sample";
import { Store } from "../store";

let next = 1;

/** One that came by a talk link; each is newer than the one before. */
export function sampleTalk(part: Partial<Conversation> = {}): Conversation {
  const contact = { ...sampleConversation().contact, name: "Miriam Oster" };
  const talk = {
    channel: "click2talk",
    contact,
    preview: "",
    online: true,
    subject: "Delivery 48 207 refused at ramp",
  };
  return sampleConversation({ ...talk, rev: next++, ...part });
}

export function sampleCall(part: Partial<Call> = {}): Call {
  return {
    id: "call-call-call-1",
    state: "connected",
    from: "customer",
    agent: "jana",
    since: "2026-11-24T09:00:00Z",
    connected_at: "2026-11-24T09:00:21Z",
    ...part,
  };
}

/** It rings at jana. */
export function sampleRinging(part: Partial<Conversation> = {}): Conversation {
  return sampleTalk({
    state: "offered",
    agent: "",
    offer: { id: "o1", agents: ["jana"], until: "2026-11-24T09:00:20Z" },
    call: sampleCall({ state: "waiting", agent: "", connected_at: null }),
    ...part,
  });
}

export function sampleRecord(part: Partial<CallRecord> = {}): CallRecord {
  return {
    from: "customer",
    outcome: "answered",
    talk_ms: 252_000,
    wait_ms: 21_000,
    reason: "customer",
    agent: "jana",
    ...part,
  };
}

/** A store of jana's that is in step with a gateway. */
export function sampleStore(): Store {
  const store = new Store("jana", (f) => f());
  store.receive({
    t: "welcome",
    me: { id: "jana", name: "Jana Brandt" },
    server_now: "2026-11-24T09:00:00Z",
  } as unknown as { t: "welcome" } & ConsoleWelcome);
  store.receive({ t: "ready", head: 1 });
  return store;
}
