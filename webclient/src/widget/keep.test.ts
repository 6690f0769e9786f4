import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeShelf } from "./fake";
import { Keep } from "./keep";
import { last } from "./lasting";

const refused = () => {
  throw new Error("SecurityError");
};

test("without storage nothing is kept and nothing breaks", () => {
  const keep = new Keep("shop", refused, refused);
  keep.set("chat", { a: 1 });
  last(keep, true);
  assert.equal(keep.get("chat"), undefined);
  assert.deepEqual(keep.names(), []);
});

test("full storage is no error", () => {
  const tab = new FakeShelf();
  tab.full = true;
  const keep = new Keep("shop", () => tab, refused);
  keep.set("chat", 1);
  assert.equal(keep.get("chat"), undefined);
});

test("what is not ours or not JSON is left alone", () => {
  const tab = new FakeShelf();
  tab.setItem("other", "1");
  tab.setItem("backline:shop:chat", "{");
  const keep = new Keep("shop", () => tab, refused);
  assert.equal(keep.get("chat"), undefined);
  assert.deepEqual(keep.names(), ["chat"]);
});

test("everything but the tab's own moves to the device and back", () => {
  const tab = new FakeShelf();
  const device = new FakeShelf();
  const make = () =>
    new Keep(
      "shop",
      () => tab,
      () => device,
    );
  const keep = make();
  keep.set("chat", 1);
  keep.set("out:x", 2);
  keep.set("open", true);
  last(keep, true);
  assert.deepEqual([...tab.map.keys()], ["backline:shop:open"]);
  assert.equal(make().lasting, true);
  assert.equal(make().get("out:x"), 2);
  last(keep, false);
  assert.deepEqual([...device.map], []);
  assert.equal(make().get("chat"), 1);
});

test("a device without room keeps the chat in the tab", () => {
  const tab = new FakeShelf();
  const device = new FakeShelf();
  const keep = new Keep(
    "shop",
    () => tab,
    () => device,
  );
  keep.set("chat", 1);
  device.full = true;
  last(keep, true);
  assert.equal(tab.getItem("backline:shop:chat"), "1");
});
