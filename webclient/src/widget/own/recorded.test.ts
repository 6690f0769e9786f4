import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordingState, VisitorCall } from "../../shared/protocol";
import { recordedOf, en as t } from "./recorded";

const call = (recording?: RecordingState, agreed = false): VisitorCall => ({
  id: "c",
  state: "connected",
  since: "",
  agreed,
  ...(recording ? { recording } : {}),
});

test("nothing is said of a call that is not recorded", () => {
  assert.equal(recordedOf(call(), t), undefined);
});

test("who is asked can say yes and no, and change it later", () => {
  const answers = (c: VisitorCall) => recordedOf(c, t)?.answers.map((a) => a.agreed);
  assert.deepEqual(answers(call("asked")), [true, false]);
  assert.deepEqual(answers(call("refused")), [true]);
  assert.deepEqual(answers(call("on", true)), [false]);
  assert.deepEqual(answers(call("on")), []); // told, not asked
  assert.equal(recordedOf(call("notice"), t)?.text, t.recorded);
  assert.equal(recordedOf(call("failed"), t)?.text, t.notRecorded);
});
