import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, type Shelf, type Unsent } from "./drafts";

class Box implements Shelf {
  readonly kept = new Map<string, string>();
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, value: string) => void this.kept.set(key, value);
  removeItem = (key: string) => void this.kept.delete(key);
}

const unsent = (id: string): Unsent => ({
  client_id: id,
  conversation: "c1",
  kind: "message",
  text: id,
  files: [],
  at: "2026-11-24T09:00:00Z",
});

test("a reload loses neither what was begun nor what was not confirmed", () => {
  const box = new Box();
  const before = new Drafts(box, "jana");
  before.set("c1", { reply: "half a sen", note: "" });
  before.keep(unsent("m1"));
  before.keep(unsent("m2"));
  before.confirmed("m1");
  const after = new Drafts(box, "jana");
  assert.deepEqual(after.get("c1"), { reply: "half a sen", note: "" });
  assert.deepEqual(
    after.unconfirmed().map((u) => u.client_id),
    ["m2"],
  );
  assert.deepEqual(new Drafts(box, "emil").get("c1"), { reply: "", note: "" }, "another agent's are not shown");
});

test("signing out leaves nothing in the browser", () => {
  const box = new Box();
  const drafts = new Drafts(box, "jana");
  drafts.set("c1", { reply: "private", note: "" });
  drafts.keep(unsent("m1"));
  drafts.clear();
  assert.equal(box.kept.size, 0);
  assert.deepEqual(drafts.get("c1"), { reply: "", note: "" });
});

test("an emptied draft is dropped, and a hundred are kept", () => {
  const box = new Box();
  const drafts = new Drafts(box, "jana");
  for (let i = 0; i <= 100; i++) drafts.set(`c${i}`, { reply: "x", note: "" });
  assert.equal(drafts.get("c0").reply, "");
  assert.equal(drafts.get("c100").reply, "x");
  drafts.set("c100", { reply: "", note: "" });
  assert.equal(new Drafts(box, "jana").get("c100").reply, "");
});

test("without storage, or with rubbish in it, everything lasts as long as the page", () => {
  const refusing: Shelf = {
    getItem: () => {
      throw new Error("refused");
    },
    setItem: () => {
      throw new Error("full");
    },
    removeItem: () => {
      throw new Error("refused");
    },
  };
  for (const shelf of [null, refusing]) {
    const drafts = new Drafts(shelf, "jana");
    drafts.set("c1", { reply: "kept", note: "" });
    assert.equal(drafts.get("c1").reply, "kept");
    drafts.clear();
  }
  for (const rubbish of [
    "",
    "7",
    "{",
    '{"drafts":7,"unsent":{}}',
    '{"drafts":{"c1":3},"unsent":[1,{"client_id":2}]}',
  ]) {
    const box = new Box();
    box.kept.set("backline.drafts.jana", rubbish);
    const drafts = new Drafts(box, "jana");
    assert.equal(drafts.get("c1").reply, "");
    assert.deepEqual(drafts.unconfirmed(), []);
  }
});
