import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { CLOSE_UNAUTHORIZED, type ConsoleServerFrame, PING_EVERY_MS } from "../shared/protocol";
import { ConsoleSocket, type Line } from "./socket";

class FakeLine implements Line {
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  readonly sent: string[] = [];
  closed = false;
  send(data: string): void {
    this.sent.push((JSON.parse(data) as { t: string }).t);
  }
  close(): void {
    this.closed = true;
  }
  says(f: object): void {
    this.onmessage?.({ data: JSON.stringify(f) });
  }
}

let lines: FakeLine[];
let frames: ConsoleServerFrame[];
let lost: number;
let out: number;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  lines = [];
  frames = [];
  lost = 0;
  out = 0;
});

function start(): ConsoleSocket {
  const socket = new ConsoleSocket({
    open: () => {
      const line = new FakeLine();
      lines.push(line);
      return line;
    },
    hello: () => ({ t: "hello", version: 1, after: 7 }),
    frame: (f) => frames.push(f),
    lost: () => lost++,
    signedOut: () => out++,
    random: () => 0.5,
  });
  socket.start();
  return socket;
}

const line = (i: number): FakeLine => {
  const found = lines[i];
  assert.ok(found, `connection ${i} was not tried`);
  return found;
};
const tick = (ms: number) => mock.timers.tick(ms);

test("it says hello first, and hands on what it hears", () => {
  const socket = start();
  assert.equal(socket.send({ t: "ping" }), false, "nothing goes out before the line is there");
  line(0).onopen?.();
  line(0).says({ t: "ready", head: 9 });
  line(0).onmessage?.({ data: "no frame" });
  line(0).onmessage?.({ data: "[]" });
  assert.deepEqual(line(0).sent, ["hello"]);
  assert.deepEqual(frames, [{ t: "ready", head: 9 }]);
});

test("a lost line is tried again, later each time, until one is ready", () => {
  start();
  line(0).onclose?.({ code: 1006 });
  tick(124);
  assert.equal(lines.length, 1);
  tick(1); // half of 250
  line(1).onclose?.({ code: 1006 });
  tick(250);
  line(2).onopen?.();
  line(2).says({ t: "ready", head: 1 });
  line(2).onclose?.({ code: 1006 });
  tick(125); // the count begins anew
  assert.equal(lines.length, 4);
  assert.equal(lost, 3);
});

test("a gateway that restarts says when to come back", () => {
  start();
  line(0).onopen?.();
  line(0).says({ t: "bye", retry_ms: 900 });
  line(0).onclose?.({ code: 4009 });
  tick(899);
  assert.equal(lines.length, 1);
  tick(1);
  assert.equal(lines.length, 2);
});

test("a line that died without a word is found out by pings", () => {
  const socket = start();
  line(0).onopen?.();
  tick(PING_EVERY_MS);
  line(0).says({ t: "pong" });
  tick(PING_EVERY_MS);
  assert.deepEqual(line(0).sent, ["hello", "ping", "ping"]);
  assert.equal(socket.state.value, "online");
  tick(PING_EVERY_MS); // the second ping had no answer
  assert.equal(line(0).closed, true);
  assert.equal(lost, 1);
  tick(125);
  assert.equal(lines.length, 2);
});

test("a gateway that takes the connection and never opens it is given up", () => {
  start();
  tick(PING_EVERY_MS * 2);
  assert.equal(line(0).closed, true);
  tick(125);
  assert.equal(lines.length, 2);
});

test("the network is back, or the page is seen: at once and not after the pause", () => {
  const socket = start();
  line(0).onclose?.({ code: 1006 });
  socket.nudge();
  assert.equal(lines.length, 2);
  tick(10_000);
  assert.equal(lines.length, 2, "the pause is over, not doubled");
  line(1).onopen?.();
  socket.nudge();
  assert.deepEqual(line(1).sent, ["hello", "ping"]);
});

test("who is signed out is not tried again", () => {
  const socket = start();
  line(0).onclose?.({ code: CLOSE_UNAUTHORIZED });
  tick(60_000);
  assert.equal(lines.length, 1);
  assert.equal(out, 1);
  assert.equal(socket.state.value, "stopped");
});

test("a line that was given up is not heard any more", () => {
  const socket = start();
  line(0).onclose?.({ code: 1006 });
  socket.nudge();
  line(1).onopen?.();
  line(0).says({ t: "ready", head: 99 });
  line(0).onclose?.({ code: 1006 });
  assert.deepEqual(frames, []);
  assert.equal(socket.state.value, "online");
  socket.stop();
  assert.equal(line(1).closed, true);
});
