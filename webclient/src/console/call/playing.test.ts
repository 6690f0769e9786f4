import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Playing, type Sound } from "./playing";
import { recordingOf, wave } from "./recording";

class FakeSound implements Sound {
  currentTime = 0;
  ended = false;
  playing = false;
  constructor(private readonly good = true) {}
  async play(): Promise<void> {
    if (!this.good) throw new Error("not found");
    this.playing = true;
  }
  pause(): void {
    this.playing = false;
  }
}

test("tracks play together, and the one that drifts is brought back", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  const [a, b] = [new FakeSound(), new FakeSound()];
  let loads = 0;
  const p = new Playing(10, () => {
    loads++;
    return [a, b];
  });
  assert.equal(loads, 0); // nothing is asked for, and nobody has listened, before the click
  await p.toggle();
  assert.ok(a.playing && b.playing);
  a.currentTime = 3;
  b.currentTime = 2.95;
  mock.timers.tick(200);
  assert.equal(p.at.value, 3);
  assert.equal(b.currentTime, 2.95); // nobody hears that
  b.currentTime = 2.5;
  mock.timers.tick(200);
  assert.equal(b.currentTime, 3);
  await p.toggle();
  assert.ok(!a.playing && !b.playing);
  p.seek(99);
  assert.deepEqual([p.at.value, a.currentTime, b.currentTime], [10, 10, 10]);
  await p.toggle(); // from the end it begins anew
  assert.deepEqual([loads, a.currentTime], [1, 0]);
  a.ended = true;
  mock.timers.tick(200);
  assert.deepEqual([p.state.value, p.at.value, b.playing], ["paused", 0, false]);
  p.dispose();
  mock.timers.reset();
});

test("what cannot be loaded is said, and can be tried again", async () => {
  let good = false;
  const p = new Playing(10, () => [new FakeSound(), new FakeSound(good)]);
  await p.toggle();
  assert.equal(p.state.value, "failed");
  good = true;
  await p.toggle();
  assert.equal(p.state.value, "playing");
  p.dispose();
});

test("what the gateway says of a recording is checked", () => {
  assert.equal(recordingOf(null), null);
  assert.equal(recordingOf({ id: "a", state: "burning" }), null);
  const r = recordingOf({
    id: "a",
    state: "kept",
    duration_ms: 4000,
    tracks: [
      { side: "customer", peaks: [0, 140, "x"] },
      7,
      { side: "guest/b", name: "Miriam", agreed_at: "2026-11-25T10:00:00Z" },
    ],
    heard: [{ by: "jana", at: "2026-11-25T10:00:00Z" }],
    deleted: null,
  });
  assert.deepEqual(r?.tracks, [
    { side: "customer", name: "", agreedAt: "", peaks: [0, 100, 0] },
    { side: "guest/b", name: "Miriam", agreedAt: "2026-11-25T10:00:00Z", peaks: [] },
  ]);
  assert.equal(r?.heard[0]?.by, "jana");
  assert.equal(wave([0, 100]), "M0.5 48V52M1.5 0V100");
});
