import assert from "node:assert/strict";
import { test } from "node:test";
import type { LineQuality } from "../../shared/protocol";
import { figure, lineTexts, wordOf, worstFirst } from "./linetexts";

const line = (agent: string, mos: number): LineQuality => ({
  agent,
  path: "udp",
  loss_in: 0,
  loss_out: 0,
  jitter_ms: 1,
  rtt_ms: 10,
  kbps: 32,
  mos,
});

test("the worst line comes first", () => {
  const lines = [line("", 4.4), line("jana", 2.1), line("emil", 4.4)];
  assert.deepEqual(
    worstFirst(lines).map((l) => l.agent),
    ["jana", "", "emil"],
  );
  assert.equal(lines[0]?.agent, "");
});

test("an opinion is a word, and a figure of the reader's language", () => {
  assert.deepEqual([1, 3.49, 3.5, 3.99, 4, 4.4].map(wordOf), ["poor", "poor", "fair", "fair", "good", "good"]);
  assert.equal(figure(4.04, 1, "de"), "4,0");
  assert.equal(figure(4.04, 1, "en"), "4.0");
  for (const language of ["de", "en"] as const)
    for (const path of ["udp", "tcp", "relay"]) assert.ok(lineTexts(language).paths[path]);
});
