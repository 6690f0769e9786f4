import assert from "node:assert/strict";
import { test } from "node:test";
import { DEAF_MS, type Ground, next, type Rung, trying, UDP_MS, waysOf } from "./own/ladder";

const ground: Ground = { calls: true, mic: "", records: true, deaf: false };

test("the best way first, and always one that works", () => {
  const cases: [string, Partial<Ground>, Rung, Rung][] = [
    // name, what is so, the way, the one below it
    ["all is well", {}, "call", "voice"],
    ["closed, or no calls here", { calls: false }, "voice", "write"],
    ["the network lets no call through", { deaf: true }, "voice", "write"],
    ["no microphone", { mic: "missing" }, "write", "back"],
    ["the microphone was refused", { mic: "denied" }, "write", "back"],
    ["inside another app", { mic: "unsupported", records: false }, "write", "back"],
    ["a browser that cannot record", { records: false }, "call", "write"],
    ["nothing but text", { calls: false, records: false, mic: "insecure" }, "write", "back"],
  ];
  for (const [name, set, want, below] of cases) {
    const g = { ...ground, ...set };
    assert.equal(next(g), want, name);
    assert.equal(next(g, want), below, `${name}: below`);
  }
  assert.equal(next(ground, "back"), "back");
});

test("the path of the sound is read from the statistics", () => {
  const stats = new Map<string, unknown>([
    ["u", { type: "local-candidate", protocol: "udp" }],
    ["t", { type: "local-candidate", protocol: "tcp" }],
    ["r", { type: "local-candidate", protocol: "udp", relayProtocol: "tls" }],
    ["1", { type: "candidate-pair", state: "in-progress", localCandidateId: "u" }],
    ["2", { type: "candidate-pair", state: "in-progress", localCandidateId: "r" }],
    ["3", { type: "candidate-pair", state: "failed", localCandidateId: "gone" }],
  ]);
  assert.deepEqual(waysOf(stats), { tried: ["udp", "tls"], used: "" });
  stats.set("4", { type: "candidate-pair", state: "succeeded", nominated: true, localCandidateId: "t" });
  assert.deepEqual(waysOf(stats), { tried: ["udp", "tcp", "tls"], used: "tcp" });
});

test("what is said of a call in the making", () => {
  assert.equal(trying(0, []), "udp");
  assert.equal(trying(UDP_MS, ["udp"]), "udp");
  assert.equal(trying(UDP_MS, ["udp", "tcp"]), "tcp");
  assert.equal(trying(DEAF_MS - 1, ["udp", "tcp", "tls"]), "tls");
  assert.equal(trying(DEAF_MS, ["udp"]), "deaf");
});
