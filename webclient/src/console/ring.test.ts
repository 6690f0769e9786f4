import assert from "node:assert/strict";
import { test } from "node:test";
import { unseen } from "./ring";
import { ringingAt, sampleConversation } from "./sample";

test("a message is unseen in a conversation of mine that is not open", () => {
  const all = [
    sampleConversation({ id: "open", unread: 2 }),
    sampleConversation({ id: "other", unread: 1 }),
    sampleConversation({ id: "read", unread: 0 }),
    sampleConversation({ id: "emils", agent: "emil", unread: 3 }),
    ringingAt(["jana"], { id: "rings", unread: 1 }),
  ];
  assert.deepEqual(
    unseen(all, "jana", "open").map((c) => c.id),
    ["other"],
  );
});
