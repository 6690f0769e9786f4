import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { type Api, Problem } from "../api";
import { HOLD_MS, Hold } from "./hold";
import { emergencyOf, isTyped, languagesOf } from "./state";
import { Switch } from "./switch";

type Json = Api["json"];

/** Only what the switch asks for. */
function apiOf(json: Json): Api {
  return { json } as unknown as Api;
}

const SAID = { de: "Störung.", en: "Out of order." };
const OFF = { on: false, since: null, by: "", why: "", text: SAID, defaults: SAID, given: {}, log: [] };

test("a button let go too early starts nothing, one held long enough starts once", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let done = 0;
    const hold = new Hold(() => done++);
    hold.press();
    mock.timers.tick(HOLD_MS - 1);
    hold.release();
    mock.timers.tick(HOLD_MS);
    assert.equal(done, 0);
    hold.press();
    hold.press(); // a second finger
    mock.timers.tick(HOLD_MS);
    assert.equal(done, 1);
    assert.equal(hold.holding.value, false);
    mock.timers.tick(HOLD_MS * 2);
    assert.equal(done, 1);
  } finally {
    mock.timers.reset();
  }
});

test("the company's name counts as typed whatever its case and blanks, never when it is empty", () => {
  assert.ok(isTyped("  nordwind   LOGISTIK ", "Nordwind Logistik"));
  assert.ok(!isTyped("Nordwind", "Nordwind Logistik"));
  assert.ok(!isTyped("", ""));
});

test("the state is read with what is prepared and with the log; what is none is refused", () => {
  const s = emergencyOf({
    on: false,
    text: null,
    defaults: { de: "Störung." },
    log: [{ change: "on", on: true, at: "2026-11-24T09:12:00Z", by: "jana", why: "trunk" }, { on: false }, 7],
  });
  assert.deepEqual(s?.prepared, { de: "Störung." });
  assert.deepEqual(s?.log, [{ change: "on", at: "2026-11-24T09:12:00Z", by: "jana", why: "trunk" }]);
  assert.equal(emergencyOf({ on: "yes" }), null);
  assert.equal(emergencyOf(null), null);
});

test("starting says why and what customers read", async () => {
  const asked: unknown[] = [];
  const sw = new Switch(
    apiOf(async (method, path, body) => {
      asked.push([method, path, body]);
      return method === "GET" ? OFF : { ...OFF, on: true, since: "2026-11-24T09:12:00Z", by: "jana", why: "trunk" };
    }),
  );
  await sw.load();
  assert.equal(sw.texts.value.de, "Störung.");
  sw.why.value = " trunk ";
  sw.write("de", "Unsere Telefone sind gestört. ");
  assert.equal(await sw.start(), true);
  assert.deepEqual(asked.at(-1), [
    "PUT",
    "/emergency",
    { on: true, why: "trunk", text: { de: "Unsere Telefone sind gestört.", en: "Out of order." } },
  ]);
  assert.equal(sw.state.value?.on, true);
});

test("German and English come first, other languages of the configuration after them", () => {
  assert.deepEqual(languagesOf({ nl: "x", en: "y", da: "z" }), ["de", "en", "da", "nl"]);
  assert.deepEqual(languagesOf(null), ["de", "en"]);
});

test("what somebody writes outlives that the state is read again", async () => {
  const sw = new Switch(apiOf(async () => OFF));
  await sw.load();
  sw.write("en", "My own words");
  await sw.load();
  assert.equal(sw.texts.value.en, "My own words");
});

test("who may not switch is told so, and nothing has changed", async () => {
  const sw = new Switch(
    apiOf(async (method) => {
      if (method === "GET") return OFF;
      throw new Problem(403, "administrators only");
    }),
  );
  await sw.load();
  assert.equal(await sw.end(), false);
  assert.equal(sw.failure.value, "forbidden");
  assert.equal(sw.state.value?.on, false);
  assert.equal(sw.at.value, "ready");
});

test("a gateway that cannot be reached is said, and can be asked again", async () => {
  let up = false;
  const sw = new Switch(
    apiOf(async () => {
      if (!up) throw new Problem(0, "");
      return OFF;
    }),
  );
  await sw.load();
  assert.equal(sw.at.value, "failed");
  up = true;
  await sw.load();
  assert.equal(sw.at.value, "ready");
});
