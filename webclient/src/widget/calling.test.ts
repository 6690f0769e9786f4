import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { CallLine } from "../shared/call";
import { Scene, settled } from "../shared/call-fake";
import type { Status, VisitorCall, VisitorClientFrame } from "../shared/protocol";
import { Calling, clock, type Phase, phaseOf } from "./calling";
import type { Chat } from "./chat";
import { browserOf, inApp } from "./own/place";

const call = (set: Partial<VisitorCall> = {}): VisitorCall => ({
  id: "call",
  state: "waiting",
  since: "2026-03-01T10:00:00Z",
  ...set,
});

/** A page's call, and everything around it. */
class Desk {
  readonly scene = new Scene();
  readonly sent: VisitorClientFrame[] = [];
  rings = 0;
  silences = 0;
  shown = 0;
  begun = 0;
  readonly chat = {
    ready: true,
    ahead: 0,
    status: { state: "none", staffed: true, open: true, estimate_ms: -1, calls: true } as Status,
    talk: { begin: () => this.begun++ },
    line: { send: (f: VisitorClientFrame) => this.sent.push(f) },
  };
  readonly calling: Calling;

  constructor() {
    this.calling = new Calling({
      chat: this.chat as unknown as Chat,
      line: (_, changed) => new CallLine({ ...this.scene.options, changed }),
      ring: () => {
        this.rings++;
        return () => this.silences++;
      },
      show: () => this.shown++,
      changed: () => {},
    });
  }

  get is(): Phase["is"] {
    return this.calling.phase.is;
  }

  tell(c: VisitorCall | undefined): void {
    const { call: _, ...rest } = this.chat.status;
    this.chat.status = c ? { ...rest, call: c } : rest;
    this.calling.changed();
  }

  online(ready: boolean): void {
    this.chat.ready = ready;
    this.calling.changed();
  }

  /** Dials and gets through to the queue. */
  async wait(): Promise<string> {
    this.calling.dial();
    await settled();
    const id = this.scene.offers.at(-1)?.call ?? "";
    this.calling.heard({ t: "call.answer", call: id, sdp: "answer" });
    await settled();
    this.scene.peer.becomes("connected");
    this.tell(call({ id }));
    return id;
  }
}

let d: Desk;
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.parse("2026-03-01T10:00:00Z") });
  d = new Desk();
});

test("from the click to the queue, to an agent, to the end", async () => {
  assert.equal(d.is, "none");
  const id = await d.wait();
  assert.equal(d.begun, 1);
  assert.equal(d.is, "waiting");
  d.tell(call({ id, state: "answered", agent: "Jana" }));
  assert.deepEqual(d.calling.phase, { is: "answered", agent: "Jana" });
  d.tell(call({ id, state: "connected", agent: "Jana" }));
  assert.equal(d.is, "talking");
  mock.timers.tick(134_000);
  assert.equal(d.calling.badge, "2:14");
  d.tell(undefined);
  assert.equal(d.is, "none");
  assert.equal(d.calling.badge, "");
});

test("the clock is the gateway's", async () => {
  d.chat.ahead = 5000; // its clock shows 10:00:05
  const id = await d.wait();
  d.tell(call({ id, state: "connected", agent: "Jana", since: "2026-03-01T10:00:05Z" }));
  mock.timers.tick(1000);
  assert.equal(d.calling.badge, "0:01");
});

test("the line of the other side is interrupted, and is back", async () => {
  const id = await d.wait();
  d.tell(call({ id, state: "connected", agent: "Jana" }));
  d.calling.heard({ t: "call.peer", call: id, state: "interrupted" });
  assert.equal(d.calling.phase.is === "talking" && d.calling.phase.broken, true);
  d.calling.heard({ t: "call.peer", call: "another", state: "connected" });
  assert.equal(d.calling.phase.is === "talking" && d.calling.phase.broken, true);
  d.calling.heard({ t: "call.peer", call: id, state: "connected" });
  assert.equal(d.calling.phase.is === "talking" && d.calling.phase.broken, false);
});

test("an agent calls: it rings until accepted, with the agent's id", async () => {
  d.tell(call({ state: "ringing", agent: "Jana" }));
  assert.deepEqual(d.calling.phase, { is: "ringing", agent: "Jana" });
  assert.deepEqual([d.rings, d.shown, d.silences], [1, 1, 0]);
  d.tell(call({ state: "ringing", agent: "Jana" }));
  assert.equal(d.rings, 1);
  d.calling.again();
  assert.equal(d.silences, 1);
  await settled();
  assert.equal(d.scene.offers[0]?.call, "call");
});

test("declining says so, and the ring ends with the gateway's word", () => {
  d.tell(call({ state: "ringing" }));
  d.calling.decline();
  assert.deepEqual(d.sent, [{ t: "call.hangup", call: "call" }]);
  d.tell(undefined);
  assert.equal(d.is, "none");
  assert.equal(d.silences, 1);
});

test("after a reload there is a call on no page: one tap comes back", async () => {
  d.tell(call({ state: "connected", agent: "Jana" }));
  assert.equal(d.is, "away");
  assert.equal(d.rings, 0);
  d.calling.again();
  await settled();
  assert.equal(d.scene.offers[0]?.call, "call");
  d.scene.peer.becomes("connected");
  assert.equal(d.is, "talking");
});

test("the socket is lost and comes back with the call: joined without a tap", async () => {
  const id = await d.wait();
  d.online(false);
  assert.equal(d.is, "waiting");
  d.online(true);
  await settled();
  assert.equal(d.is, "interrupted");
  assert.deepEqual(
    d.scene.offers.map((o) => o.call),
    [id, id],
  );
  d.scene.peer.becomes("connected");
  assert.equal(d.is, "waiting");
});

test("the socket comes back without the call: over", async () => {
  await d.wait();
  d.online(false);
  const { call: _, ...rest } = d.chat.status;
  d.chat.status = rest;
  d.online(true);
  assert.equal(d.is, "none");
});

test("no microphone: said until dismissed, tried again on demand, and an agent's ring is still there", async () => {
  d.scene.refuse = "denied";
  d.calling.dial();
  await settled();
  assert.deepEqual(d.calling.phase, { is: "failed", end: { why: "microphone", trouble: "denied" } });
  d.calling.again();
  await settled();
  assert.equal(d.is, "failed");
  d.calling.dismiss();
  assert.equal(d.is, "none");
  d.tell(call({ state: "ringing", agent: "Jana" }));
  d.calling.again();
  await settled();
  assert.equal(d.is, "failed");
  d.calling.dismiss();
  assert.equal(d.is, "ringing");
});

test("hung up here: nothing of it is shown while the gateway has yet to say so", async () => {
  const id = await d.wait();
  d.calling.line.hangup();
  assert.equal(d.is, "none");
  assert.deepEqual(d.scene.hangups, [id]);
  d.tell(call({ id }));
  assert.equal(d.is, "none");
});

test("a call in another tab is away here", () => {
  assert.equal(phaseOf({ at: "elsewhere", call: "call" }, call(), "", 0).is, "away");
});

test("minutes go on after an hour", () => {
  assert.equal(clock(0), "0:00");
  assert.equal(clock(59_999), "0:59");
  assert.equal(clock(3_725_000), "62:05");
  assert.equal(clock(-5), "0:00");
});

const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const android = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)";

test("browsers inside apps are told from browsers", () => {
  for (const agent of [
    `${iphone} Mobile/15E148 [FBAN/FBIOS;FBAV/450.0.0.38]`,
    `${iphone} Mobile/15E148 Instagram 320.0.0`,
    `${iphone} Mobile/15E148 [LinkedInApp]/9.29`,
    `${iphone} Mobile/15E148`, // a mail program's view
    `${iphone} GSA/305.0 Mobile/15E148 Safari/604.1`,
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 Version/4.0 Chrome/120.0 Mobile Safari/537.36",
    `${android} Chrome/120.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/440.0]`,
  ]) {
    assert.equal(inApp(agent), true, agent);
  }
  for (const agent of [
    `${iphone} Version/17.4 Mobile/15E148 Safari/604.1`,
    `${iphone} CriOS/120.0 Mobile/15E148 Safari/604.1`,
    `${android} Chrome/120.0.0.0 Mobile Safari/537.36`,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:124.0) Gecko/20100101 Firefox/124.0",
  ]) {
    assert.equal(inApp(agent), false, agent);
  }
});

test("the hint names the browser's own way", () => {
  assert.equal(browserOf(`${iphone} Version/17.4 Mobile/15E148 Safari/604.1`), "iphone");
  assert.equal(browserOf(`${android} Chrome/120.0 Mobile Safari/537.36`), "android");
  assert.equal(browserOf("Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0"), "firefox");
  assert.equal(browserOf("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"), "safari");
  assert.equal(browserOf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"), "chrome");
});
