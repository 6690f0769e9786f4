import assert from "node:assert/strict";
import { test } from "node:test";
import { isDumb, stateOf as micStateOf } from "./mic";
import { callIcon, callPreview } from "./rowtext";
import { saidOf, stateOf } from "./said";
import { sampleCall, sampleRecord, sampleRinging, sampleTalk } from "./sample";
import { Speech } from "./speech";
import { callTexts } from "./texts";
import { callOf, hereOf, inCall, viewOf } from "./view";

const en = callTexts("en");
const NOW = Date.parse("2026-11-24T09:04:33Z");
const held = { call: "call-call-call-1", muted: false, mic: "on" } as const;

test("a waiting call is nobody's; one that was taken is the agent's", () => {
  assert.equal(callOf([sampleRinging()], "jana"), null);
  assert.equal(callOf([sampleTalk({ call: sampleCall() })], "jana")?.call.state, "connected");
  assert.ok(inCall([sampleTalk({ call: sampleCall({ agent: "emil" }) })], "emil"));
});

test("the line of another call is not this one's", () => {
  assert.equal(hereOf({ at: "connected", ...held, call: "other" }, held.call), "elsewhere");
  assert.equal(hereOf({ at: "over", call: held.call, end: { why: "hung-up" } }, held.call), null);
  assert.equal(hereOf({ at: "over", call: held.call, end: { why: "unreachable" } }, held.call), "gone");
});

test("a call is shown before a wrap-up, a wrap-up before what came to nothing", () => {
  const mine = { conversation: sampleTalk({ id: "c2" }), call: sampleCall(), leg: null };
  const wrapUp = sampleTalk({ state: "wrap-up", wrap_up_until: "2026-11-24T09:05:00Z" });
  const over = { conversation: sampleTalk(), record: sampleRecord() };
  assert.equal(viewOf(mine, { at: "connected", ...held }, wrapUp, over).at, "call");
  assert.equal(viewOf(null, { at: "idle" }, wrapUp, over).at, "wrap-up");
  assert.equal(viewOf(null, { at: "idle" }, null, over).at, "over");
  assert.equal(viewOf(null, { at: "idle" }, null, null).at, "none");
});

test("what is wrong with a call is said, nearest trouble first", () => {
  const conversation = sampleTalk();
  const view = { at: "call", conversation, call: sampleCall(), leg: null, here: "connected" } as const;
  const line = { at: "connected", ...held } as const;
  const said = (peer: string, l: Parameters<typeof saidOf>[1] = line) => saidOf(view, l, peer, "Miriam", en);
  assert.equal(said("connected"), "");
  assert.equal(said("interrupted"), "Miriam’s line is interrupted");
  assert.equal(said("interrupted", { ...line, mic: "lost" }), en.micLost);
  assert.equal(saidOf({ ...view, here: "elsewhere" }, line, "connected", "Miriam", en), en.state.elsewhere);
  assert.equal(stateOf(view, en), "In a call");
  assert.equal(stateOf({ ...view, call: sampleCall({ state: "ringing" }) }, en), en.state.rings);
});

test("the list says how the last call went, and how long one runs", () => {
  const row = (part: Parameters<typeof sampleTalk>[0]) => {
    const c = sampleTalk(part);
    return [callIcon(c), callPreview(c, "en", NOW)];
  };
  assert.deepEqual(row({ last_call: sampleRecord() }), ["phone", "Call, 4:12"]);
  assert.deepEqual(row({ last_call: sampleRecord({ outcome: "missed" }) }), [
    "phoneMissed",
    "Missed call, waited 0:21",
  ]);
  assert.deepEqual(row({ last_call: sampleRecord({ from: "agent", outcome: "declined" }) }), [
    "phoneMissed",
    "Call declined",
  ]);
  assert.deepEqual(row({ call: sampleCall() }), ["phone", "In a call, 4:12"]);
  assert.deepEqual(row({}), [null, ""]);
  assert.equal(callPreview(sampleRinging(), "en", NOW), ""); // "Rings at you" is said instead
});

test("somebody speaks when several levels are loud, and for a while after", () => {
  const speech = new Speech();
  assert.equal(speech.hears(0.9), false); // a cough
  assert.deepEqual(
    [0.5, 0.5, 0.02, 0.5].map((l) => speech.hears(l)),
    [false, false, false, true],
  );
  let quiet = 0;
  while (speech.hears(0)) quiet++;
  assert.ok(quiet > 10 && quiet < 50, `${quiet} levels`);
});

test("a microphone that is blocked or missing is known before the first ring", () => {
  assert.equal(micStateOf("denied", 1), "denied");
  assert.equal(micStateOf("granted", 0), "missing");
  assert.equal(micStateOf("granted", 2), "ready");
  assert.equal(micStateOf("prompt", 1), "ask");
  assert.equal(micStateOf(undefined, Number.NaN), "unknown");
  assert.ok(isDumb("missing") && !isDumb("ask") && !isDumb("unknown"));
});
