import assert from "node:assert/strict";
import { test } from "node:test";
import { Devices } from "./devices";

function shelf(kept: Record<string, string> = {}) {
  const all = new Map(Object.entries(kept));
  return {
    getItem: (k: string) => all.get(k) ?? null,
    setItem: (k: string, v: string) => void all.set(k, v),
    removeItem: (k: string) => void all.delete(k),
  };
}

const named = (name: string) => Object.assign(new Error(name), { name });

test("what was chosen is there after a reload", () => {
  const kept = shelf();
  new Devices(kept).choose("headset", "headset-out");
  const again = new Devices(kept);
  assert.deepEqual([again.microphone.value, again.loudspeaker.value], ["headset", "headset-out"]);
});

test("a microphone that is gone gives way to the system's, a refusal does not", async () => {
  const asked: string[] = [];
  const devices = new Devices(null);
  devices.choose("headset", "");
  const stream = {} as MediaStream;
  const unplugged = async (id = "") => {
    asked.push(id);
    if (id) throw named("OverconstrainedError");
    return stream;
  };
  assert.equal(await devices.open(unplugged), stream);
  assert.deepEqual(asked, ["headset", ""]);
  await assert.rejects(
    devices.open(async () => {
      throw named("NotAllowedError");
    }),
    { name: "NotAllowedError" },
  );
});
