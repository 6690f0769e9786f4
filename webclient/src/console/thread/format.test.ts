import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSize, initialsOf, parseSpan, short, span, stopwatch, turnOf } from "./format";

test("spans have two units at most", () => {
  const minute = 60_000;
  for (const [ms, want] of [
    [40_000, "40 s"],
    [12 * minute, "12 min"],
    [192 * minute, "3 h 12 min"],
    [120 * minute, "2 h"],
    [26 * 60 * minute, "1 d 2 h"],
    [-5, "0 s"],
  ] as const) {
    assert.equal(span(ms), want);
  }
});

test("the gateway's durations are read", () => {
  assert.equal(parseSpan("21s"), 21_000);
  assert.equal(parseSpan("1h2m3s"), 3_723_000);
  assert.equal(parseSpan("4m0s"), 240_000);
  for (const bad of ["", "abc", "5", "-3s"]) assert.ok(Number.isNaN(parseSpan(bad)), bad);
  assert.equal(stopwatch(3_723_000), "1:02:03");
  assert.equal(stopwatch(21_000), "0:21");
});

test("sizes are written as the language does", () => {
  assert.equal(fileSize(999, "en"), "999 B");
  assert.equal(fileSize(184_000, "en"), "184 KB");
  assert.equal(fileSize(1_240_000, "en"), "1.2 MB");
  assert.equal(fileSize(1_240_000, "de"), "1,2 MB");
});

test("a person has two letters, a number none, and a colour that stays", () => {
  assert.equal(initialsOf("Henrik Kolbe"), "HK");
  assert.equal(initialsOf("Anna Maria van Berg"), "AB");
  assert.equal(initialsOf("élise"), "É");
  assert.equal(initialsOf("+49 40 5557 0134"), "");
  assert.equal(turnOf("Henrik Kolbe"), turnOf("Henrik Kolbe"));
  const turns = new Set(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(turnOf));
  assert.ok(turns.size > 3);
  for (const t of turns) assert.ok(t >= 0 && t < 360);
});

test("a large number takes little room", () => {
  assert.deepEqual(
    [0, 999, 1000, 1249, 9949, 9950, 10_400, 123_456].map((n) => short(n, "en")),
    ["0", "999", "1k", "1.2k", "9.9k", "10k", "10k", "123k"],
  );
  assert.equal(short(1249, "de"), "1,2k");
});
