import assert from "node:assert/strict";
import { test } from "node:test";
import { type MessageRow, type Row, rowsOf, unreadStart } from "./rows";
import { sampleAnswer, sampleEvent, sampleItem } from "./sample";

const kinds = (rows: Row[]) => rows.map((r) => r.kind);
const messages = (rows: Row[]) => rows.filter((r): r is MessageRow => r.kind === "message");

test("a group begins with another person, another channel, another day and after five minutes", () => {
  const rows = rowsOf([
    sampleItem({ time: "2026-11-23T12:00:00Z" }),
    sampleItem({ time: "2026-11-24T12:00:00Z" }),
    sampleItem({ time: "2026-11-24T12:01:00Z" }),
    sampleItem({ time: "2026-11-24T12:02:00Z", channel: "sms" }),
    sampleItem({ time: "2026-11-24T12:08:00Z", channel: "sms" }),
    sampleAnswer({ time: "2026-11-24T12:08:10Z" }),
    sampleAnswer({ time: "2026-11-24T12:08:20Z", from: { kind: "agent", id: "faris" } }),
  ]);
  assert.deepEqual(
    messages(rows).map((r) => r.first),
    [true, true, false, true, true, true, true],
  );
  assert.equal(rows.filter((r) => r.kind === "day").length, 2);
});

test("a message shown only begins a group, for its mark stands there", () => {
  const rows = rowsOf([sampleItem(), sampleItem({ standby: true }), sampleItem({ standby: true })]);
  assert.deepEqual(
    messages(rows).map((r) => r.first),
    [true, true, false],
  );
});

test("events close together share a line, four at most", () => {
  const minute = (m: number) => ({ time: `2026-11-24T12:${String(m).padStart(2, "0")}:00Z` });
  const rows = rowsOf([
    ...[0, 1, 2, 3, 4].map((m) => sampleEvent("missed", {}, minute(m))),
    sampleEvent("closed", {}, minute(20)),
    sampleItem(minute(21)),
    sampleEvent("assigned", {}, minute(22)),
  ]);
  const sizes = rows.flatMap((r) => (r.kind === "events" ? [r.items.length] : []));
  assert.deepEqual(sizes, [4, 1, 1, 1]);
});

test("the delivery state is said once for those that share it, and always where something failed", () => {
  const rows = rowsOf(
    (["read", "read", "delivered", "failed", "failed", "uncertain"] as const).map((delivery) =>
      sampleAnswer({ delivery }),
    ),
  );
  assert.deepEqual(
    messages(rows).map((r) => r.state),
    [false, true, true, true, true, true],
  );
});

test("a failed message knows that it was sent again", () => {
  const rows = rowsOf([
    sampleAnswer({ id: "m-old", delivery: "failed" }),
    sampleAnswer({ client_id: "resend/m-old", delivery: "sent" }),
  ]);
  assert.deepEqual(
    messages(rows).map((r) => r.resent),
    [true, false],
  );
});

test("unread begins at the n-th inbound message from the end", () => {
  const items = [sampleItem({ id: "a" }), sampleItem({ id: "b" }), sampleAnswer({ id: "x" }), sampleItem({ id: "c" })];
  assert.equal(unreadStart(items, 2), "b");
  assert.equal(unreadStart(items, 0), "");
  assert.equal(unreadStart(items, 9), "");
  assert.deepEqual(kinds(rowsOf(items, "b")), ["day", "message", "unread", "message", "message", "message"]);
  // Above the very first message it would say nothing.
  assert.deepEqual(kinds(rowsOf(items, "a")), ["day", "message", "message", "message", "message"]);
});

test("keys are unique, or lines would be mixed up", () => {
  const items = [
    sampleEvent("opened"),
    sampleItem(),
    sampleItem({ time: "2026-11-25T09:00:00Z" }),
    sampleItem({ time: "2026-11-24T09:00:00Z" }),
    sampleItem({ time: "2026-11-25T09:00:00Z" }),
  ];
  const keys = rowsOf(items, items[2]?.id).map((r) => r.key);
  assert.equal(new Set(keys).size, keys.length);
});
