import assert from "node:assert/strict";
import { test } from "node:test";
import { eventText, type Names } from "./events";
import { sampleEvent } from "./sample";

const names: Names = {
  me: "jana",
  agent: (id) => (id === "faris" ? "Faris Rahmani" : id),
  queue: (id) => (id === "main" ? "Disposition" : id),
  channel: (id) => (id === "sms" ? "SMS" : id),
};
const en = (event: string, data: Record<string, string> = {}) => eventText(sampleEvent(event, data), "en", names);
const de = (event: string, data: Record<string, string> = {}) => eventText(sampleEvent(event, data), "de", names);

test("each event is one plain sentence", () => {
  assert.equal(
    en("opened", { channel: "sms", queue: "main", target: "queue/main" }),
    "started by SMS, routed to Disposition",
  );
  assert.equal(en("assigned", { agent: "jana", how: "accepted", wait: "1m21s" }), "you accepted after 1:21");
  assert.equal(
    en("assigned", { agent: "faris", agent_name: "Faris R.", how: "taken", by: "faris", wait: "0s" }),
    "Faris R. took the conversation",
  );
  assert.equal(en("assigned", { agent: "faris", how: "assigned", by: "jana" }), "you gave it to Faris Rahmani");
  assert.equal(
    en("queued", { reason: "returned", by: "faris", queue: "main" }),
    "Faris Rahmani returned it to Disposition",
  );
  assert.equal(
    en("queued", { reason: "transfer", by: "faris", queue: "main", target: "agent/jana" }),
    "Faris Rahmani transferred it to you",
  );
  assert.equal(en("closed", { by: "jana" }), "you closed the conversation");
  assert.equal(en("closed", { reason: "wrap_up_over" }), "closed when the wrap-up time was over");
  assert.equal(en("opted_out", { word: "STOP" }), "opted out with “STOP”");
  assert.equal(de("assigned", { agent: "jana", how: "taken", wait: "21s" }), "von Ihnen übernommen nach 0:21");
  assert.equal(
    de("queued", { reason: "transfer", by: "jana", queue: "main", target: "queue/main" }),
    "von Ihnen weitergegeben an „Disposition“",
  );
  assert.equal(de("assigned", { agent: "jana", how: "assigned", by: "faris" }), "von Faris Rahmani an Sie gegeben");
  assert.equal(
    en("queued", { reason: "agent_gone", target: "agent/faris" }),
    "the agent’s console was gone, waits for Faris Rahmani again",
  );
  assert.equal(de("queued", { queue: "main" }), "wartet in „Disposition“");
});

test("an event that is not known yet is named, not hidden", () => {
  assert.equal(en("teleported"), "teleported");
});
