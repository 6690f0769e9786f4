import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { BLINK_MS, GIVE_UP_MS, HEAL_MS, newCallID, RELAY_AFTER_MS, TAKEN_MS } from "./call";
import { Scene, settled } from "./call-fake";
import { counted, quality } from "./call-quality";

let s: Scene;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  s = new Scene();
});

const pass = async (ms: number): Promise<void> => {
  mock.timers.tick(ms);
  await settled();
};

/** All that a line could leave behind is gone. */
function assertNothingLeft(): void {
  for (const stream of s.streams) assert.equal(stream.track.readyState, "ended");
  for (const peer of s.peers) assert.ok(peer.closed);
  assert.equal(s.playing, null);
}

test("a click asks for the microphone, offers, and is connected", async () => {
  s.line.dial("call");
  assert.equal(s.at, "asking");
  await settled();
  assert.equal(s.at, "joining");
  assert.deepEqual(s.offers, [{ call: "call", sdp: "pc1 offer 1", restart: false }]);
  assert.equal(s.peer.track, s.track);
  await s.answer();
  s.peer.ontrack?.({ streams: ["sound"] });
  s.peer.becomes("connected");
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: false, mic: "on" });
  assert.equal(s.playing, "sound");
});

test("a second click changes nothing", async () => {
  s.line.dial("call");
  s.line.dial("other");
  await settled();
  s.line.dial("third");
  await settled();
  assert.equal(s.streams.length, 1);
  assert.equal(s.offers.length, 1);
});

test("hanging up tells the gateway and leaves nothing behind", async () => {
  await s.connect();
  s.line.hangup();
  assert.deepEqual(s.hangups, ["call"]);
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "hung-up" } });
  assertNothingLeft();
  await s.connect("next");
  assert.equal(s.at, "connected");
});

test("a microphone that comes after hanging up is let go at once", async () => {
  s.line.dial("call");
  s.line.hangup();
  await settled();
  assert.equal(s.at, "over");
  assert.deepEqual(s.hangups, []);
  assertNothingLeft();
});

test("declining a call that rings while the browser asks for the microphone", async () => {
  s.line.told("call");
  s.line.dial("call");
  s.line.hangup();
  assert.deepEqual(s.hangups, ["call"]);
});

test("hanging up without a socket is told when it is back", async () => {
  await s.connect();
  s.lose();
  s.line.hangup();
  assert.deepEqual(s.hangups, []);
  await s.back("call");
  assert.deepEqual(s.hangups, ["call"]);
  assert.equal(s.at, "over");
});

for (const trouble of ["denied", "blocked", "missing", "busy", "insecure", "unsupported"] as const) {
  test(`the microphone is ${trouble}: nothing was offered, and it can be tried again`, async () => {
    s.refuse = trouble;
    s.line.dial("call");
    await settled();
    assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "microphone", trouble } });
    assert.equal(s.offers.length, 0);
    s.refuse = undefined;
    await s.connect("again");
    assert.equal(s.at, "connected");
  });
}

test("the gateway refuses: its reason is kept", async () => {
  s.line.dial("call");
  await settled();
  const failure = { kind: "too_many", detail: "too many calls at once" } as const;
  s.line.answered({ call: "call", failure });
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "refused", failure } });
  assertNothingLeft();
});

test("a gateway that cannot just now is asked again", async () => {
  s.line.dial("call");
  await settled();
  s.line.answered({ call: "call", failure: { kind: "unavailable", detail: "" } });
  assert.equal(s.at, "joining");
  await pass(HEAL_MS);
  assert.deepEqual(s.offers.at(-1), { call: "call", sdp: "pc2 offer 1", restart: false });
});

test("a call that is gone when it is answered is over", async () => {
  s.line.dial("call");
  await settled();
  s.line.answered({ call: "call", failure: { kind: "not_found", detail: "" } });
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "ended" } });
});

test("an answer for another call or an older connection is ignored", async () => {
  s.line.dial("call");
  await settled();
  s.line.answered({ call: "other", failure: { kind: "forbidden", detail: "" } });
  assert.equal(s.at, "joining");
  await s.answer();
  s.line.answered({ call: "call", failure: { kind: "forbidden", detail: "" } });
  assert.equal(s.at, "joining");
});

test("a blink is nothing; after it the line is restarted, and then joined anew", async () => {
  await s.connect();
  s.peer.becomes("disconnected");
  await pass(BLINK_MS - 1);
  s.peer.becomes("connected");
  await pass(BLINK_MS);
  assert.equal(s.at, "connected");
  assert.equal(s.offers.length, 1);

  s.peer.becomes("disconnected");
  await pass(BLINK_MS);
  assert.equal(s.at, "interrupted");
  assert.deepEqual(s.offers.at(-1), { call: "call", sdp: "pc1 offer 2", restart: true });
  await pass(HEAL_MS);
  assert.deepEqual(s.offers.at(-1), { call: "call", sdp: "pc2 offer 1", restart: false });
  assert.ok(s.peers[0]?.closed);
  assert.equal(s.track.readyState, "live");
  assert.equal(s.streams.length, 1); // nobody was asked again
  await s.answer();
  s.peer.becomes("connected");
  assert.equal(s.at, "connected");
  await pass(GIVE_UP_MS);
  assert.equal(s.at, "connected");
  assert.equal(s.offers.length, 3);
});

test("an ICE restart that heals needs no new connection", async () => {
  await s.connect();
  s.peer.becomes("failed");
  await settled();
  assert.equal(s.offers.at(-1)?.restart, true);
  await s.answer();
  s.peer.becomes("connected");
  assert.equal(s.at, "connected");
  await pass(HEAL_MS);
  assert.equal(s.peers.length, 1);
});

test("the gateway does not know the line to restart: joined anew", async () => {
  await s.connect();
  s.peer.becomes("failed");
  await settled();
  s.line.answered({ call: "call", failure: { kind: "not_found", detail: "" } });
  await settled();
  assert.deepEqual(s.offers.at(-1), { call: "call", sdp: "pc2 offer 1", restart: false });
});

test("another network restarts a line that still seems well", async () => {
  await s.connect();
  s.line.network();
  await settled();
  assert.equal(s.offers.at(-1)?.restart, true);
  assert.equal(s.at, "connected");
  s.line.network(); // one at a time
  await settled();
  assert.equal(s.offers.length, 2);
  await s.answer();
  await pass(HEAL_MS); // no event tells of it
  assert.equal(s.at, "connected");
  assert.equal(s.peers.length, 1);
});

const relays = [{ urls: ["turn:gw.example.org:3478?transport=udp"], username: "u", credential: "p" }];

test("no direct path is found: the relays of the answer are taken as well", async () => {
  s.line.dial("call");
  await settled();
  await s.answer("call", relays);
  assert.deepEqual(s.peer.relays, []);
  await pass(RELAY_AFTER_MS);
  assert.equal(s.peers.length, 2);
  assert.ok(s.peers[0]?.closed);
  assert.deepEqual(s.peer.relays, relays);
  assert.equal(s.streams.length, 1);
  assert.ok(s.line.relayed);
  await s.answer("call", relays);
  await pass(RELAY_AFTER_MS); // no other way is left but time
  assert.equal(s.peers.length, 2);
  s.peer.becomes("connected");
  assert.equal(s.at, "connected");
});

test("a path is found before the relays are needed", async () => {
  s.line.dial("call");
  await settled();
  await s.answer("call", relays);
  s.peer.iceConnectionState = "connected"; // DTLS is under way
  await pass(RELAY_AFTER_MS);
  assert.equal(s.peers.length, 1);
  s.peer.becomes("connected");
  await pass(HEAL_MS);
  assert.equal(s.peers.length, 1);
  assert.ok(!s.line.relayed);
});

test("a restart on a network with walls takes the relays of its own answer", async () => {
  await s.connect();
  s.peer.becomes("failed");
  await settled();
  s.peer.iceConnectionState = "checking";
  await s.answer("call", relays);
  await pass(RELAY_AFTER_MS);
  assert.equal(s.peers.length, 2);
  assert.deepEqual(s.peer.relays, relays);
  assert.equal(s.offers.at(-1)?.restart, false);
});

test("relays whose time is over are not tried", async () => {
  s.line.dial("call");
  await settled();
  await s.answer("call", relays);
  await pass(RELAY_AFTER_MS);
  await s.answer("call", relays);
  s.peer.becomes("connected");
  s.line.told("call");
  await pass(10 * 60_000);
  s.lose();
  await s.back("call");
  assert.deepEqual(s.peer.relays, []);
  await s.answer("call", relays); // fresh ones
  await pass(RELAY_AFTER_MS);
  assert.deepEqual(s.peer.relays, relays);
});

test("the socket was lost and is back: joined anew with the same id and the same microphone", async () => {
  await s.connect();
  s.line.mute(true);
  s.lose();
  assert.equal(s.at, "connected"); // sound may still flow
  s.peer.becomes("failed");
  assert.equal(s.at, "interrupted");
  await pass(20_000);
  assert.equal(s.offers.length, 1);
  await s.back("call");
  assert.deepEqual(s.offers.at(-1), { call: "call", sdp: "pc2 offer 1", restart: false });
  await s.answer();
  s.peer.becomes("connected");
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: true, mic: "on" });
  assert.equal(s.track.enabled, false);
  assert.equal(s.streams.length, 1);
});

test("the socket is back without the call: it is over", async () => {
  await s.connect();
  s.lose();
  await s.back("");
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "ended" } });
  assert.equal(s.offers.length, 1);
  assertNothingLeft();
});

test("a call that never reached the gateway is offered again", async () => {
  s.line.dial("call");
  await settled();
  s.lose();
  await s.back("");
  assert.equal(s.at, "joining");
  assert.equal(s.offers.length, 2);
});

test("the gateway ends the call", async () => {
  await s.connect();
  s.peer.cut();
  assert.equal(s.at, "interrupted");
  s.line.told("");
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "ended" } });
  assert.deepEqual(s.hangups, []);
  assertNothingLeft();
});

test("a call that the gateway has not named yet does not end by its silence", async () => {
  s.line.dial("call");
  await settled();
  s.line.told("");
  assert.equal(s.at, "joining");
});

test("another tab has taken the call; it can be taken back", async () => {
  await s.connect();
  s.peer.cut();
  await pass(TAKEN_MS);
  assert.deepEqual(s.line.state, { at: "elsewhere", call: "call" });
  assertNothingLeft();
  s.line.dial("call");
  await settled();
  assert.equal(s.offers.at(-1)?.call, "call");
  s.peer.becomes("connected");
  assert.equal(s.at, "connected");
});

test("a line of which the gateway heard no sound is closed, and over", async () => {
  s.line.dial("call");
  await settled();
  await s.answer();
  s.peer.becomes("connected");
  s.line.told("");
  s.peer.cut();
  await pass(TAKEN_MS);
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "ended" } });
});

test("what was taken elsewhere ends there", async () => {
  await s.connect();
  s.peer.cut();
  await pass(TAKEN_MS);
  s.line.told("");
  assert.equal(s.at, "over");
});

test("a gateway that stops closes the line, too: joined again when it is back", async () => {
  await s.connect();
  s.peer.cut();
  s.lose();
  await pass(10_000);
  assert.equal(s.at, "interrupted");
  await s.back("call");
  await s.answer();
  s.peer.becomes("connected");
  assert.equal(s.at, "connected");
});

test("the call is at another place: offered anew, and not taken for one that another tab has", async () => {
  await s.connect();
  s.peer.cut();
  s.line.socketUp("call");
  await settled();
  assert.equal(s.at, "interrupted");
  assert.deepEqual(s.offers.at(-1), { call: "call", sdp: "pc2 offer 1", restart: false });
  await pass(TAKEN_MS);
  await s.answer();
  s.peer.becomes("connected");
  assert.equal(s.at, "connected");
  assert.equal(s.streams.length, 1);
});

test("given up after a minute, plainly", async () => {
  await s.connect();
  s.peer.becomes("failed");
  for (let waited = 0; waited < GIVE_UP_MS; waited += HEAL_MS) {
    assert.equal(s.at, "interrupted");
    await pass(HEAL_MS);
  }
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "unreachable" } });
  assertNothingLeft();
  const offers = s.offers.length;
  await pass(GIVE_UP_MS);
  assert.equal(s.offers.length, offers);
});

test("a first connection that never comes about is given up, too", async () => {
  s.line.dial("call");
  await settled();
  await pass(GIVE_UP_MS - 1);
  assert.equal(s.at, "joining");
  await pass(1);
  assert.deepEqual(s.line.state, { at: "over", call: "call", end: { why: "unreachable" } });
});

test("mute silences the track and says so", async () => {
  await s.connect();
  s.line.mute(true);
  assert.equal(s.track.enabled, false);
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: true, mic: "on" });
  s.line.mute(false);
  assert.equal(s.track.enabled, true);
});

test("the phone takes the microphone for a while", async () => {
  await s.connect();
  s.track.onmute?.();
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: false, mic: "paused" });
  s.track.onunmute?.();
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: false, mic: "on" });
});

test("a microphone that is pulled out is replaced by another one", async () => {
  await s.connect();
  s.line.mute(true);
  s.track.pull();
  await settled();
  assert.equal(s.streams.length, 2);
  assert.equal(s.peer.track, s.track);
  assert.equal(s.track.enabled, false); // muted stays muted
  assert.equal(s.peers.length, 1);
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: true, mic: "on" });
});

test("the only microphone is pulled out: said, and tried again on demand", async () => {
  await s.connect();
  s.refuse = "missing";
  s.track.pull();
  await settled();
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: false, mic: "lost" });
  s.refuse = undefined;
  await s.line.changeMicrophone();
  assert.deepEqual(s.line.state, { at: "connected", call: "call", muted: false, mic: "on" });
});

test("disposed: nothing is left and nothing is said", async () => {
  await s.connect();
  s.line.dispose();
  assert.equal(s.at, "idle");
  assert.deepEqual(s.hangups, []);
  assertNothingLeft();
  await pass(GIVE_UP_MS);
  assert.equal(s.offers.length, 1);
});

test("an id has 128 random bits in the letters that the gateway takes", () => {
  const ids = new Set(Array.from({ length: 200 }, newCallID));
  assert.equal(ids.size, 200);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{22}$/);
});

test("the quality of a line in a word", () => {
  const report = new Map<string, unknown>([
    ["a", { type: "inbound-rtp", packetsReceived: 100, packetsLost: 2, jitter: 0.01 }],
    ["b", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.05 }],
    ["c", { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 }],
  ]);
  const first = counted(report);
  assert.deepEqual(first, { received: 100, lost: 2, jitter: 0.01, roundTrip: 0.05 });
  assert.equal(counted(new Map()), undefined);
  assert.ok(first);
  assert.equal(quality(first, { ...first, received: 200 }), "good");
  assert.equal(quality(first, { ...first, received: 195, lost: 7 }), "fair");
  assert.equal(quality(first, { ...first, received: 150, lost: 52 }), "poor");
  assert.equal(quality(first, { ...first, received: 200, roundTrip: 0.7 }), "poor");
  assert.equal(quality(first, first), "poor"); // nothing came
});
