import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, type Box, grid } from "./layout";

const people = (n: number) => Array.from({ length: n }, (_, i) => `p${i}`);

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

test("tiles fill the window in as many columns as make them largest", () => {
  assert.deepEqual(grid(4, 1600, 900, 16 / 9).cols, 2);
  assert.equal(grid(3, 2000, 400, 16 / 9).cols, 3);
  assert.equal(grid(4, 400, 1600, 16 / 9).cols, 1);
});

test("tiles stay in the window and never cover each other, whatever the window and however many", () => {
  for (const [w, h] of [
    [1280, 720],
    [390, 700],
    [800, 800],
    [320, 480],
    [2400, 500],
  ] as const) {
    for (let n = 1; n < 10; n++) {
      for (const screen of ["", "p0", "me"]) {
        const boxes = arrange(people(n), "me", screen, w, h);
        assert.equal(boxes.length, n + 1 + (screen ? 1 : 0));
        for (const b of boxes) {
          const where = `${n} in ${w}×${h}, screen ${screen || "none"}: ${JSON.stringify(b)}`;
          assert.ok(b.w > 0 && b.h > 0, where);
          assert.ok(b.x >= -1 && b.y >= -1 && b.x + b.w <= w + 1 && b.y + b.h <= h + 1, where);
          for (const other of boxes) {
            if (other !== b && !b.small && !other.small) assert.ok(!overlap(b, other), `${where} covers another`);
          }
        }
      }
    }
  }
});

test("with one other person they are large and oneself is small in the corner", () => {
  const [other, me] = arrange(["p0"], "me", "", 1280, 720);
  assert.deepEqual([other?.w, other?.h, other?.peer], [1280, 720, "p0"]);
  assert.ok(me?.small && me.w < 300 && me.peer === "me");
});

test("a shared screen is larger than everybody", () => {
  const boxes = arrange(people(3), "me", "p1", 1280, 720);
  const screen = boxes.find((b) => b.kind === "screen");
  assert.ok(screen);
  for (const b of boxes) if (b !== screen) assert.ok(b.w * b.h < (screen.w * screen.h) / 4);
});

test("alone one sees oneself", () => {
  assert.deepEqual(arrange([], "me", "", 400, 300), [{ peer: "me", kind: "camera", x: 0, y: 0, w: 400, h: 300 }]);
});

test("a window without a size yet breaks nothing", () => {
  for (const b of arrange(people(4), "me", "", 0, 0)) assert.ok(b.w === 0 && b.h === 0);
});
