import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { Calls } from "./calls";
import { Chat, type ChatOptions } from "./chat";
import { FakeLine, FakeShelf, item, welcome } from "./fake";
import { Keep } from "./keep";
import { erase } from "./lasting";

let tab: FakeShelf;
let device: FakeShelf;
let lines: FakeLine[];
let looking: boolean;
let rings: number;
/** What the part for calls was told. */
let told: string[];
const calls: Calls = {
  badge: "",
  changed: () => void told.push("changed"),
  heard: (f) => void told.push(f.t),
  leave: () => {},
  dial: () => {},
  view: () => undefined,
};

beforeEach(() => {
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  mock.method(Math, "random", () => 0.5);
  tab = new FakeShelf();
  device = new FakeShelf();
  lines = [];
  looking = true;
  rings = 0;
  told = [];
});

let keep: Keep;

/** What a page does when it loads. */
function page(set: Partial<ChatOptions> = {}): Chat {
  keep = new Keep(
    "shop",
    () => tab,
    () => device,
  );
  const chat = new Chat({
    bases: ["https://a", "https://b"],
    site: "shop",
    language: () => "en",
    page: () => "/path",
    looking: () => looking,
    dial: (url) => {
      const line = new FakeLine(url);
      lines.push(line);
      return line;
    },
    keep,
    rang: () => rings++,
    changed: () => {},
    calls: async () => calls,
    ...set,
  });
  chat.line.start();
  return chat;
}

const last = (): FakeLine => {
  const line = lines.at(-1);
  assert.ok(line, "no connection was tried");
  return line;
};
const messages = () => lines.flatMap((line) => line.of("message"));
const states = (chat: Chat) => chat.outbox.list.map((m) => m.state);

test("nothing is kept before the first message", () => {
  page();
  last().welcome();
  assert.deepEqual([...tab.map, ...device.map], []);
});

test("a message is sent, acknowledged, and replaced by its item", () => {
  const chat = page();
  last().welcome(5);
  chat.say("hello");
  const [m] = messages();
  assert.equal(m?.text, "hello");
  assert.deepEqual(states(chat), ["waiting"]);
  last().say({ t: "ack", client_id: m?.client_id ?? "" });
  assert.deepEqual(states(chat), ["sent"]);
  last().say({ t: "item", item: item(6, { direction: "inbound", client_id: m?.client_id ?? "" }) });
  assert.deepEqual(states(chat), []);
  assert.equal(chat.talk.items.length, 1);
  assert.equal(chat.talk.unread, 0);
});

test("an item that is faster than its acknowledgement counts", () => {
  const chat = page();
  last().welcome();
  chat.say("one");
  chat.say("two");
  const id = messages()[0]?.client_id ?? "";
  last().say({ t: "item", item: item(1, { direction: "inbound", client_id: id }) });
  last().say({ t: "ack", client_id: id });
  assert.equal(messages().length, 2);
});

test("a lost connection sends again under the same client_id, in order", () => {
  const chat = page();
  last().welcome();
  chat.say("one");
  chat.say("two");
  assert.deepEqual(
    messages().map((m) => m.text),
    ["one"],
  );
  last().end();
  mock.timers.tick(50);
  last().welcome();
  const [first, again] = messages();
  assert.equal(again?.text, "one");
  assert.equal(again?.client_id, first?.client_id);
  last().say({ t: "ack", client_id: again?.client_id ?? "" });
  assert.equal(messages().at(-1)?.text, "two");
});

test("what is unsent survives the page", () => {
  const before = page();
  last().end();
  before.say("one");
  before.say("two");
  before.line.stop();
  page();
  last().welcome();
  for (const text of ["one", "two"]) {
    const m = messages().at(-1);
    assert.equal(m?.text, text);
    last().say({ t: "ack", client_id: m?.client_id ?? "" });
  }
  assert.equal(messages().length, 2);
});

test("the next page shows what was said and asks only for the rest", () => {
  const before = page();
  last().welcome(1);
  before.say("hello");
  last().say({ t: "item", item: item(2) });
  before.line.stop();
  const chat = page();
  assert.equal(chat.talk.items.length, 1);
  last().open();
  const [hello] = last().of("hello");
  assert.equal(hello?.token, "token");
  assert.equal(hello?.after, 2);
});

test("a replay that breaks off is asked for again from its beginning", () => {
  const before = page();
  last().welcome(1);
  before.say("hello");
  last().end();
  mock.timers.tick(50);
  last().open();
  last().say(welcome());
  last().say({ t: "item", item: item(9) });
  last().end();
  mock.timers.tick(1000);
  last().open();
  assert.equal(last().of("hello")[0]?.after, 1);
});

test("an item that comes again replaces, an older revision does not", () => {
  const chat = page();
  last().welcome();
  last().say({ t: "item", item: item(2, { rev: 5, text: "new" }) });
  last().say({ t: "item", item: item(2, { rev: 4, text: "old" }) });
  last().say({ t: "item", item: item(1) });
  assert.deepEqual(
    chat.talk.items.map((i) => i.text),
    ["text 1", "new"],
  );
});

test("a refusal for now is tried again, a refusal for good is told", () => {
  const chat = page();
  last().welcome();
  chat.say("one");
  const id = messages()[0]?.client_id ?? "";
  last().say({ t: "ack", client_id: id, failure: { kind: "too_many", detail: "" } });
  assert.deepEqual(states(chat), ["waiting"]);
  assert.equal(messages().length, 1);
  mock.timers.tick(1000);
  assert.equal(messages().length, 2);
  last().say({ t: "ack", client_id: id, failure: { kind: "invalid", detail: "" } });
  assert.deepEqual(states(chat), ["failed"]);
});

test("what was read is reported when it is seen, else that it arrived", () => {
  const chat = page();
  looking = false;
  last().welcome();
  last().say({ t: "item", item: item(3) });
  assert.equal(rings, 1);
  assert.equal(chat.talk.unread, 1);
  assert.deepEqual(last().of("seen"), [{ t: "seen", position: 3, read: false }]);
  looking = true;
  chat.looked();
  chat.looked();
  assert.deepEqual(last().of("seen").slice(1), [{ t: "seen", position: 3, read: true }]);
  assert.equal(chat.talk.unread, 0);
});

test("up to where the company has read is kept, and never goes back", () => {
  const chat = page();
  last().welcome();
  chat.say("one");
  const status = { state: "active", staffed: true, open: true, estimate_ms: -1, calls: false };
  last().say({ t: "status", status: { ...status, seen: 7 } });
  assert.equal(chat.talk.seen, 7);
  last().say({ t: "status", status }); // a new conversation, of which nothing is read yet
  assert.equal(chat.talk.seen, 7);
  last().say({ t: "item", item: item(9) });
  assert.equal(page().talk.seen, 7);
});

test("replayed messages do not ring", () => {
  page();
  last().open();
  last().say(welcome());
  last().say({ t: "item", item: item(3) });
  last().say({ t: "ready", head: 3 });
  assert.equal(rings, 0);
});

test("an address is told until the gateway has dealt with it", () => {
  const chat = page();
  last().welcome();
  chat.introduce({ email: "k@example.org" });
  last().end();
  mock.timers.tick(50);
  last().welcome();
  assert.equal(last().of("contact").length, 1);
  last().say({ t: "pong" });
  assert.equal(chat.contact, undefined);
  assert.equal(chat.known, true);
});

test("an unknown token costs the history, not what is unsent", () => {
  const chat = page();
  last().welcome();
  last().say({ t: "item", item: item(1) });
  chat.say("hello");
  last().end(4001);
  last().open();
  assert.equal(last().of("hello")[0]?.token, "");
  last().say(welcome("other"));
  assert.equal(messages().at(-1)?.text, "hello");
  assert.deepEqual(chat.talk.items, []);
  assert.match(tab.getItem("backline:shop:chat") ?? "", /other/);
});

test("typing is shown for a while and told at most every two seconds", () => {
  const chat = page();
  last().welcome();
  chat.say("hello");
  for (let i = 0; i < 10; i++) {
    chat.types();
    mock.timers.tick(500);
  }
  assert.equal(last().of("typing").length, 3);
  last().say({ t: "typing", name: "Agent" });
  assert.equal(chat.typing, "Agent");
  mock.timers.tick(6000);
  assert.equal(chat.typing, "");
});

test("the visitor hears of a lost connection only when it lasts", () => {
  const chat = page();
  last().welcome();
  last().end();
  mock.timers.tick(50);
  last().welcome();
  mock.timers.tick(3000);
  assert.equal(chat.lost, false);
  last().end();
  mock.timers.tick(1500);
  assert.equal(chat.lost, true);
});

test("what is needed for calls is loaded when there is a call, and told of it", async () => {
  const chat = page();
  last().welcome();
  assert.equal(chat.call, undefined);
  const status = { state: "waiting", staffed: true, open: true, estimate_ms: -1, calls: true };
  const call = { id: "call", state: "ringing", since: "2026-03-01T10:00:00Z" } as const;
  last().say({ t: "status", status: { ...status, call } });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(chat.call, calls);
  last().say({ t: "call.answer", call: "call", sdp: "sdp" });
  last().say({ t: "call.peer", call: "call", state: "connected" });
  last().say({ t: "status", status });
  assert.deepEqual(told.slice(-3), ["call.answer", "call.peer", "changed"]);
});

test("the page of a link says its link, and no path", () => {
  page({ site: "link:", link: "token-of-the-link", page: () => "" });
  last().open();
  const hello = last().of("hello")[0];
  assert.equal(hello?.link, "token-of-the-link");
  assert.equal(hello?.page, "");
});

test("erasing leaves nothing", () => {
  const chat = page();
  last().welcome();
  chat.say("hello");
  chat.introduce({ phone: "030" });
  erase(chat, keep);
  assert.deepEqual([...tab.map, ...device.map], []);
  last().open();
  assert.equal(last().of("hello")[0]?.token, "");
});
