import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { segmentsOf } from "./segments";

const a = (n: number) => "a".repeat(n);

test("parts are counted as networks count them", () => {
  for (const [text, encoding, parts, left] of [
    ["", "GSM-7", 0, 160],
    [a(160), "GSM-7", 1, 0],
    [a(161), "GSM-7", 2, 145],
    [a(306), "GSM-7", 2, 0],
    [a(307), "GSM-7", 3, 152],
    ["Größe: 5 µ", "UCS-2", 1, 60], // µ is not in the alphabet, ä ö ü ß are
    ["äöüÄÖÜß@£$", "GSM-7", 1, 150],
    ["€€", "GSM-7", 1, 156], // an extended character takes two
    [`${a(159)}€`, "GSM-7", 2, 145],
    [`${a(152)}€${a(10)}`, "GSM-7", 2, 141], // it is never cut in two
    ["я".repeat(70), "UCS-2", 1, 0],
    ["я".repeat(71), "UCS-2", 2, 63],
    ["👍".repeat(35), "UCS-2", 1, 0],
    ["👍".repeat(36), "UCS-2", 2, 61], // 33 pairs in the first part: half of one does not fit
  ] as const) {
    assert.deepEqual(segmentsOf(text), { encoding, parts, left }, JSON.stringify(text));
  }
});

interface Vectors {
  cases: { name: string; text: string; encoding: "GSM-7" | "UCS-2"; segments: number }[];
}

test("the vectors of the SMS channel come out", () => {
  const vectors = JSON.parse(readFileSync("testdata/segments.json", "utf8")) as Vectors;
  assert.equal(vectors.cases.length, 17);
  for (const c of vectors.cases) {
    const got = segmentsOf(c.text);
    assert.deepEqual([got.encoding, got.parts], [c.encoding, c.segments], c.name);
  }
});
