import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation } from "../shared/protocol";
import { fillReply, replyRule, textLimit } from "./rules";
import { sampleConversation } from "./sample";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const HOUR = 3_600_000;
const at = (ms: number) => new Date(NOW + ms).toISOString();
const rule = (part: Partial<Conversation>) => replyRule(sampleConversation(part), "jana", NOW);

test("what may not be answered says why, and the customer's will comes first", () => {
  const over = { state: "closed", until: at(-HOUR) } as const;
  assert.deepEqual(rule({ state: "closed", opted_out: true }), { may: false, block: "closed" });
  assert.deepEqual(rule({ opted_out: true, window: over }), { may: false, block: "opted_out" });
  assert.deepEqual(rule({ not_ours: true }), { may: false, block: "not_ours" });
  assert.deepEqual(rule({ window: over }), { may: false, block: "window_closed" });
  assert.deepEqual(rule({ agent: "emil" }), { may: false, block: "not_mine" });
});

test("a chat and an SMS have no window", () => {
  assert.deepEqual(rule({}), { may: true, notice: "none" });
});

test("Messenger: 24 hours, then a human for 7 days, then nothing, also while nobody tells the page", () => {
  const open = at(HOUR);
  assert.deepEqual(rule({ window: { state: "open", until: open } }), { may: true, notice: "window", until: open });
  const ended = at(-1);
  assert.deepEqual(rule({ window: { state: "open", until: ended } }), {
    may: true,
    notice: "human_agent",
    until: ended,
  });
  const week = at(6 * 24 * HOUR);
  assert.deepEqual(rule({ window: { state: "human_agent", until: week } }), {
    may: true,
    notice: "human_agent",
    until: week,
  });
  assert.deepEqual(rule({ window: { state: "human_agent", until: ended } }), { may: false, block: "window_closed" });
});

test("each channel takes texts of its own length", () => {
  assert.equal(textLimit("messenger"), 2000);
  assert.equal(textLimit("livechat"), 10_000);
});

test("a canned reply without a name leaves no gap", () => {
  const hello = "Hello {{name}}, this is {{ name }}'s contact.";
  assert.equal(fillReply(hello, "Ann"), "Hello Ann, this is Ann's contact.");
  assert.equal(fillReply("Hello {{name}}, welcome.", ""), "Hello, welcome.");
});
