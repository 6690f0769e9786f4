import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation } from "../shared/protocol";
import { countsOf, neighbour, rowsOf, type Tab, windowOf } from "./lists";
import { ringingAt, sampleConversation } from "./sample";

const ids = (all: readonly Conversation[]) => all.map((c) => c.id);
const at = (minute: number) => `2026-11-24T09:${String(minute).padStart(2, "0")}:00Z`;

const all = [
  sampleConversation({ id: "mine-old", last_at: at(1), unread: 2 }),
  sampleConversation({ id: "mine-new", last_at: at(5) }),
  sampleConversation({ id: "emils", agent: "emil", last_at: at(9), unread: 1 }),
  sampleConversation({ id: "waits", state: "waiting", agent: "", waiting_since: at(2), last_at: at(2) }),
  sampleConversation({ id: "waits-longer", state: "waiting", agent: "", waiting_since: at(1), last_at: at(8) }),
  sampleConversation({ id: "urgent", state: "waiting", agent: "", waiting_since: at(3), last_at: at(3), priority: 5 }),
  ringingAt(["emil", "jana"], { id: "rings-here", waiting_since: at(4), last_at: at(0) }),
  ringingAt(["emil"], { id: "rings-there", waiting_since: at(5), last_at: at(4) }),
  sampleConversation({ id: "done", state: "closed", closed_at: at(6) }),
  sampleConversation({ id: "done-later", state: "closed", closed_at: at(7) }),
];

test("each tab has its own, in its own order", () => {
  const want: Record<Tab, string[]> = {
    mine: ["rings-here", "mine-new", "mine-old"],
    waiting: ["rings-here", "urgent", "waits-longer", "waits", "rings-there"],
    everyone: ["rings-here", "emils", "waits-longer", "mine-new", "rings-there", "urgent", "waits", "mine-old"],
    done: ["done-later", "done"],
  };
  for (const tab of Object.keys(want) as Tab[]) assert.deepEqual(ids(rowsOf(all, tab, "jana")), want[tab], tab);
});

test("the numbers beside the tabs are those of their rows; unread counts mine alone", () => {
  const counts = countsOf(all, "jana");
  for (const tab of ["mine", "waiting", "everyone"] as const) {
    assert.equal(counts[tab], rowsOf(all, tab, "jana").length, tab);
  }
  assert.equal(counts.unread, 1);
});

test("of ten thousand rows only those in view are drawn", () => {
  assert.deepEqual(windowOf(10_000, 64, 0, 640), { first: 0, last: 16 });
  assert.deepEqual(windowOf(10_000, 64, 320_000, 640), { first: 4994, last: 5016 });
  assert.deepEqual(windowOf(10_000, 64, 640_000, 640), { first: 9994, last: 10_000 });
  assert.deepEqual(windowOf(3, 64, 640_000, 640), { first: 3, last: 3 }, "the list has become shorter");
});

test("J and K stop at the ends, and begin at the first", () => {
  const rows = rowsOf(all, "mine", "jana");
  assert.equal(neighbour(rows, "", 1)?.id, "rings-here");
  assert.equal(neighbour(rows, "mine-new", 1)?.id, "mine-old");
  assert.equal(neighbour(rows, "mine-old", 1)?.id, "mine-old");
  assert.equal(neighbour(rows, "rings-here", -1)?.id, "rings-here");
  assert.equal(neighbour([], "c", 1), undefined);
});
