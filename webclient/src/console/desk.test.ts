import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { Command, ConsoleServerFrame, ConsoleWelcome, Item } from "../shared/protocol";
import { type Api, Problem } from "./api";
import { Devices } from "./call/devices";
import type { Parts } from "./call/phone";
import { Desk } from "./desk";
import type { Shelf } from "./drafts";
import { sampleConversation } from "./sample";
import type { Line } from "./socket";
import { sampleAnswer, sampleItem } from "./thread/sample";

/** A gateway with one conversation of jana's, and the browser she sits at. */
class World {
  line: FakeLine | undefined;
  readonly kept = new Map<string, string>();
  readonly asked: string[] = [];
  timeline: Item[] = [sampleItem({ conversation: "c1", position: 4, rev: 4, text: "hello?" })];
  missing = "";
  out = 0;
  private ids = 0;

  desk(): Desk {
    const desk = new Desk({
      agent: "jana",
      api: {
        timeline: async (id: string, before: number) => {
          this.asked.push(`timeline ${id} ${before}`);
          return { items: this.timeline, more: false };
        },
        conversation: async (id: string) => {
          this.asked.push(`conversation ${id}`);
          if (id === this.missing) throw new Problem(404, "");
          return sampleConversation({ id });
        },
      } as unknown as Api,
      line: () => {
        this.line = new FakeLine();
        return this.line;
      },
      shelf: this.shelf(),
      devices: new Devices(null),
      phone: { shelf: null, play: () => {}, networkMoves: () => () => {} } as unknown as Parts,
      soon: (f) => f(),
      id: () => `id-${++this.ids}`,
      signedOut: () => this.out++,
    });
    mock.method(desk.mic, "start", async () => {}); // a browser's
    mock.method(desk.mic, "stop", () => {});
    desk.start();
    return desk;
  }

  /** The line comes, and the gateway tells everything. */
  up(): FakeLine {
    const line = this.line;
    assert.ok(line, "no line was opened");
    line.onopen?.();
    const me = { id: "jana", name: "Jana" };
    line.says({ t: "welcome", me, server_now: new Date().toISOString() } as unknown as ConsoleWelcome & {
      t: "welcome";
    });
    line.says({ t: "list", conversations: [sampleConversation({ id: "c1", unread: 1 })] });
    line.says({ t: "ready", head: 5 });
    return line;
  }

  private shelf(): Shelf {
    return {
      getItem: (k) => this.kept.get(k) ?? null,
      setItem: (k, v) => void this.kept.set(k, v),
      removeItem: (k) => void this.kept.delete(k),
    };
  }
}

class FakeLine implements Line {
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  readonly sent: (Partial<Command> & { t: string })[] = [];
  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }
  close(): void {}
  says(f: ConsoleServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(f) });
  }
  did(what: string): (Partial<Command> & { t: string })[] {
    return this.sent.filter((f) => f.do === what);
  }
}

const settled = () => new Promise((r) => setImmediate(r));
const texts = (d: Desk) => d.outgoing.value.map((m) => m.text);

let w: World;
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  w = new World();
});

test("what is written while the line is gone waits in sight, and goes out once, under one id", async () => {
  const desk = w.desk();
  desk.send("c1", "message", "written in a tunnel", []);
  assert.deepEqual(texts(desk), ["written in a tunnel"]);
  const first = w.up();
  assert.equal(first.did("send").length, 1);
  first.onclose?.({ code: 1006 }); // its acknowledgement is lost
  mock.timers.tick(300);
  const second = w.up();
  assert.deepEqual(
    second.did("send").map((c) => [c.id, c.client_id, c.text]),
    first.did("send").map((c) => [c.id, c.client_id, c.text]),
  );
  const client_id = second.did("send")[0]?.client_id ?? "";
  second.says({ t: "update", position: 6, item: sampleAnswer({ conversation: "c1", client_id }) });
  second.says({ t: "ack", id: second.did("send")[0]?.id ?? "" });
  await settled();
  assert.deepEqual(texts(desk), []);
  desk.dispose();
});

test("a reload sends what was not confirmed, and nothing that was", async () => {
  const before = w.desk();
  w.up();
  before.send("c1", "message", "confirmed", []);
  before.send("c1", "note", "not confirmed", []);
  w.line?.says({ t: "ack", id: w.line.did("send")[0]?.id ?? "" });
  await settled();
  before.dispose();
  const after = w.desk();
  assert.deepEqual(texts(after), ["not confirmed"]);
  const line = w.up();
  assert.deepEqual([line.did("send").length, line.did("note").map((c) => c.text)], [0, ["not confirmed"]]);
  after.dispose();
});

test("a refused message stays with its reason, is tried again as the same, or thrown away", async () => {
  const desk = w.desk();
  const line = w.up();
  desk.send("c1", "message", "too late", []);
  const [sent] = line.did("send");
  line.says({ t: "ack", id: sent?.id ?? "", failure: { kind: "conflict", detail: "the window is over" } });
  await settled();
  assert.equal(desk.outgoing.value[0]?.failure, "the window is over");
  desk.retry(sent?.client_id ?? "");
  assert.equal(line.did("send")[1]?.client_id, sent?.client_id);
  assert.equal(desk.outgoing.value[0]?.failure, "");
  desk.discard(sent?.client_id ?? "");
  assert.deepEqual(texts(desk), []);
  desk.dispose();
  assert.deepEqual(texts(w.desk()), [], "nor after a reload");
});

test("what is open is loaded once, and again after a fresh snapshot", async () => {
  const desk = w.desk();
  desk.select("c1");
  w.up();
  await settled();
  assert.deepEqual(w.asked, ["timeline c1 0"]);
  assert.equal(desk.store.timeline("c1").items.value[0]?.text, "hello?");
  desk.select("");
  desk.select("c1");
  await settled();
  assert.deepEqual(w.asked, ["timeline c1 0"]);
  w.line?.onclose?.({ code: 1006 });
  mock.timers.tick(300);
  w.up();
  await settled();
  assert.deepEqual(w.asked, ["timeline c1 0", "timeline c1 0"]);
  desk.dispose();
});

test("a conversation of before is fetched; one that does not exist is not open", async () => {
  const desk = w.desk();
  w.up();
  desk.select("c-old");
  await settled();
  assert.equal(desk.store.conversation("c-old")?.id, "c-old");
  w.missing = "c-none";
  desk.select("c-none");
  await settled();
  assert.equal(desk.selected.value, "");
  desk.dispose();
});

test("a conversation that was seen is said to be read, once", async () => {
  const desk = w.desk();
  desk.select("c1");
  const line = w.up();
  await settled();
  desk.seen("c1");
  desk.seen("c1");
  assert.deepEqual(
    line.did("read").map((c) => [c.conversation, c.position]),
    [["c1", 4]],
  );
  desk.dispose();
});

test("typing is said at most every three seconds, and anew after a message", () => {
  const desk = w.desk();
  const line = w.up();
  mock.timers.tick(5000);
  desk.type("c1");
  desk.type("c1");
  assert.equal(line.did("typing").length, 1);
  desk.send("c1", "message", "done", []);
  desk.type("c1");
  assert.equal(line.did("typing").length, 2);
  mock.timers.tick(3000);
  desk.type("c1");
  assert.equal(line.did("typing").length, 3);
  desk.dispose();
});
