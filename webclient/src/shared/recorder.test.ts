import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "./recorder";

class FakeTrack {
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

class FakeRecorder {
  state = "inactive";
  mimeType = "audio/webm;codecs=opus";
  ondataavailable: ((e: { data: Blob }) => void) | null = null;
  onstop: (() => void) | null = null;
  start(): void {
    this.state = "recording";
  }
  stop(): void {
    this.state = "inactive";
    this.ondataavailable?.({ data: new Blob(["sound"]) });
    this.onstop?.();
  }
}

function studio(microphone?: () => Promise<MediaStream>) {
  const track = new FakeTrack();
  const stream = { getTracks: () => [track] } as unknown as MediaStream;
  const far = new FakeRecorder();
  let changes = 0;
  const r = new Recorder({
    microphone: microphone ?? (async () => stream),
    trouble: () => "denied",
    record: () => far as unknown as MediaRecorder,
    mostMS: 60_000,
    changed: () => changes++,
  });
  return { r, far, track, stream, changes: () => changes };
}

const is = (r: Recorder): string => r.state.is;

test("what is said becomes a sound, and the microphone is let go", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { r, far, track } = studio();
  await r.start();
  assert.equal(is(r), "recording");
  t.mock.timers.tick(2300);
  r.stop();
  const { state } = r;
  assert.ok(state.is === "ready");
  assert.equal(state.ms, 2300);
  assert.equal(state.sound.type, "audio/webm");
  assert.equal(await state.sound.text(), "sound");
  assert.ok(track.stopped);
  assert.equal(far.state, "inactive");
});

test("it ends by itself at the limit, and keeps what there is when the microphone goes away", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { r, far } = studio();
  await r.start();
  t.mock.timers.tick(60_000);
  assert.equal(r.state.is === "ready" && r.state.ms, 60_000);
  await r.start();
  t.mock.timers.tick(4000);
  far.stop(); // as browsers do when the track ends
  assert.equal(r.state.is === "ready" && r.state.ms, 4000);
});

test("a tap that says nothing leaves nothing", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { r } = studio();
  await r.start();
  t.mock.timers.tick(200);
  r.stop();
  assert.equal(r.state.is, "idle");
});

test("without a microphone it says why; a late one is let go", async () => {
  const none = studio(async () => {
    throw new Error("no");
  });
  await none.r.start();
  assert.deepEqual(none.r.state, { is: "failed", trouble: "denied" });

  let give: (s: MediaStream) => void = () => {};
  const late = studio(() => new Promise((resolve) => (give = resolve)));
  const started = late.r.start();
  late.r.discard();
  give(late.stream);
  await started;
  assert.equal(late.r.state.is, "idle");
  assert.ok(late.track.stopped);
});

test("what is discarded is gone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { r, track } = studio();
  await r.start();
  t.mock.timers.tick(3000);
  r.discard();
  assert.equal(r.state.is, "idle");
  assert.ok(track.stopped);
});
