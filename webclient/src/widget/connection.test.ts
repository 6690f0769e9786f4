import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { VisitorServerFrame } from "../shared/protocol";
import { type Connection, connection, type LineState } from "./connection";
import { FakeLine, welcome } from "./fake";

let lines: FakeLine[];
let states: LineState[];
let frames: VisitorServerFrame[];
let forgotten: number;
let patient: boolean;

beforeEach(() => {
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  mock.method(Math, "random", () => 0.5);
  lines = [];
  states = [];
  frames = [];
  forgotten = 0;
  patient = false;
});

function start(...bases: string[]): Connection {
  const c = connection({
    bases,
    dial: (url) => {
      const line = new FakeLine(url);
      lines.push(line);
      return line;
    },
    hello: () => ({ t: "hello", version: 1, site: "shop", after: 0 }),
    frame: (f) => frames.push(f),
    changed: (s) => states.push(s),
    forget: () => forgotten++,
    patient: () => patient,
  });
  c.start();
  return c;
}

const line = (i: number): FakeLine => {
  const found = lines[i];
  assert.ok(found, `connection ${i} was not tried`);
  return found;
};
const tick = (ms: number) => mock.timers.tick(ms);

test("the second gateway is tried after 250 ms and the slower one is given up", () => {
  const c = start("https://a", "https://b");
  assert.equal(line(0).url, "wss://a/ws/visitor");
  tick(249);
  assert.equal(lines.length, 1);
  tick(1);
  assert.equal(lines.length, 2);
  line(1).welcome();
  assert.equal(c.base(), "https://b");
  assert.equal(line(0).closed, true);
  assert.deepEqual(states, ["connecting", "online"]);
});

test("a refusal starts the next gateway at once", () => {
  start("https://a", "https://b");
  line(0).end();
  assert.equal(lines.length, 2);
});

test("a gateway that takes the socket and says nothing does not win", () => {
  const c = start("https://a", "https://b");
  line(0).open();
  tick(250);
  line(1).welcome();
  assert.equal(c.base(), "https://b");
});

test("retries back off with jitter and never come faster than told", () => {
  start("https://a");
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    line(i).end();
    let waited = 0;
    while (lines.length === i + 1) {
      tick(10);
      waited += 10;
      assert.ok(waited < 10000, "no retry");
    }
    waits.push(waited);
  }
  assert.deepEqual(waits.slice(0, 4), [50, 100, 200, 400]);
  assert.equal(waits.at(-1), 4000);
});

test("a gateway that welcomes and drops us is not stormed", () => {
  start("https://a");
  let tries = 0;
  for (let ms = 0; ms < 30000; ms += 10) {
    const last = lines.at(-1);
    if (last && !last.closed) {
      tries++;
      last.welcome();
      last.end(4008);
    }
    tick(10);
  }
  assert.ok(tries < 20, `${tries} connections in 30 s`);
});

test("a lost connection resumes at the other gateway", () => {
  start("https://a", "https://b");
  line(0).welcome();
  tick(6000);
  line(0).say({ t: "pong" });
  line(0).end();
  tick(50);
  assert.equal(line(1).url, "wss://b/ws/visitor");
});

test("bye says when to come back, if there is nowhere else to go", () => {
  start("https://a");
  line(0).welcome();
  line(0).say({ t: "bye", retry_ms: 1234 });
  line(0).end(4009);
  tick(1233);
  assert.equal(lines.length, 1);
  tick(1);
  assert.equal(lines.length, 2);
});

test("silence after a ping is death", () => {
  const c = start("https://a");
  line(0).welcome();
  tick(5000);
  assert.equal(line(0).of("ping").length, 1);
  tick(2999);
  assert.equal(c.state(), "online");
  tick(1);
  assert.equal(c.state(), "waiting");
});

test("any frame is a sign of life", () => {
  const c = start("https://a");
  line(0).welcome();
  tick(5000);
  line(0).say({ t: "pong" });
  tick(4000);
  assert.equal(c.state(), "online");
  assert.equal(c.answered(), true);
});

test("an upload is not taken for death", () => {
  const c = start("https://a");
  line(0).welcome();
  patient = true;
  c.ping();
  tick(11000);
  assert.equal(c.state(), "online");
  tick(1000);
  assert.equal(c.state(), "waiting");
});

test("an unknown token is dropped and the race begins anew, once", () => {
  start("https://a");
  line(0).open();
  line(0).end(4001);
  assert.equal(forgotten, 1);
  assert.equal(lines.length, 2);
  line(1).welcome();
  assert.equal(states.at(-1), "online");
});

test("a forbidden site is not tried again, another gateway still is", () => {
  const c = start("https://a", "https://b");
  line(0).end(4003);
  line(1).end();
  tick(8000);
  assert.equal(line(2).url, "wss://b/ws/visitor");
  line(2).end(4003);
  assert.equal(c.state(), "refused");
  tick(60000);
  assert.equal(lines.length, 3);
});

test("a page that does not fit the gateway stops", () => {
  const c = start("https://a");
  line(0).open();
  line(0).end(4002);
  assert.equal(c.state(), "outdated");
});

test("coming online ends the waiting, once", () => {
  const c = start("https://a");
  line(0).end();
  tick(50);
  line(1).end();
  c.probe(true);
  assert.equal(lines.length, 3);
  c.probe(false);
  c.probe(false);
  assert.equal(lines.length, 3);
});

test("looking again asks a quiet connection whether it lives", () => {
  const c = start("https://a");
  line(0).welcome();
  c.probe(false);
  c.probe(false);
  assert.equal(line(0).of("ping").length, 1);
});

test("nothing but a welcome begins, and what is no frame is dropped", () => {
  start("https://a");
  line(0).onmessage?.({ data: "<html>" });
  line(0).say({ t: "pong" });
  assert.deepEqual(frames, []);
  line(0).say(welcome());
  assert.equal(frames.length, 1);
});

test("stopping leaves no timer", () => {
  const c = start("https://a", "https://b");
  line(0).welcome();
  c.stop();
  tick(100000);
  assert.equal(lines.length, 1);
  assert.equal(c.send({ t: "ping" }), false);
});

test("bye with stay comes back to the same gateway, although there is another", () => {
  start("https://a", "https://b");
  line(0).welcome();
  line(0).say({ t: "bye", retry_ms: 40, stay: true });
  line(0).end(4009);
  tick(40);
  assert.equal(line(1).url, "wss://a/ws/visitor");
});
