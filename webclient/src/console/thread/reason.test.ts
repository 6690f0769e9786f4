import assert from "node:assert/strict";
import { test } from "node:test";
import { de } from "./de";
import { en } from "./en";
import { reasonOf } from "./reason";

test("a reason is told in words, whatever the provider calls it", () => {
  assert.equal(reasonOf("window_closed", en), "the reply window is over");
  assert.equal(reasonOf("opted_out (21610)", en), "this person has opted out");
  assert.equal(reasonOf("unreachable (551/1545041)", de), "diese Person ist auf diesem Weg nicht erreichbar");
  assert.equal(reasonOf("30099", en), "30099");
  assert.equal(reasonOf("", en), "");
});

test("both languages know every reason that the gateway has", () => {
  // channels.Code and package outbox.
  const words = [
    "temporary",
    "throttled",
    "uncertain",
    "sent_anyway",
    "window_closed",
    "opted_out",
    "unreachable",
    "rejected",
    "unroutable",
    "provider_down",
    "channel_down",
    "not_sent",
    "expired",
    "not_ours",
    "channel_off",
    "no_answer",
    "partly_sent",
  ];
  for (const t of [de, en]) assert.deepEqual(Object.keys(t.reasons).sort(), [...words].sort());
});
