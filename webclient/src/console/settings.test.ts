import assert from "node:assert/strict";
import { test } from "node:test";
import type { Shelf } from "./drafts";
import { Settings } from "./settings";

function shelf(kept: string | null = null): Shelf & { kept: string | null } {
  return {
    kept,
    getItem() {
      return this.kept;
    },
    setItem(_key, value) {
      this.kept = value;
    },
    removeItem() {
      this.kept = null;
    },
  };
}

test("the browser's language, sound and keys are the beginning", () => {
  const german = new Settings(null, "de-AT");
  assert.equal(german.language.value, "de");
  assert.equal(german.theme.value, "system");
  assert.ok(german.sound.value && german.keys.value);
  assert.equal(new Settings(null, "fr").language.value, "en");
});

test("what was chosen comes back", () => {
  const box = shelf();
  const before = new Settings(box, "en");
  before.language.value = "de";
  before.theme.value = "dark";
  before.sound.value = false;
  before.keys.value = false;
  before.save();
  const after = new Settings(box, "en");
  assert.deepEqual(
    [after.language.value, after.theme.value, after.sound.value, after.keys.value],
    ["de", "dark", false, false],
  );
});

test("rubbish in the storage is no choice", () => {
  for (const kept of ["{", "[]", "7", '{"language":"xx","theme":7}']) {
    const s = new Settings(shelf(kept), "en");
    assert.deepEqual([s.language.value, s.theme.value, s.sound.value], ["en", "system", true]);
  }
});
