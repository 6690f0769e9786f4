import assert from "node:assert/strict";
import { test } from "node:test";
import { type Person, Problem } from "./api";
import { whoIsHere } from "./who";

/** A gateway that gives these answers in turn. */
function asked(answers: (Person | Problem)[]) {
  const pauses: number[] = [];
  let failed = 0;
  const answer = whoIsHere(
    {
      session: async () => {
        const next = answers.shift();
        if (!next || next instanceof Problem) throw next ?? new Error("asked too often");
        return next;
      },
    },
    { failed: () => failed++, pause: async (ms) => void pauses.push(ms), random: () => 0.999 },
  );
  return { answer, pauses, failed: () => failed };
}

const jana = { id: "jana", name: "Jana" };

test("a gateway that is silent, starting or full is asked again", async () => {
  const a = asked([new Problem(0, ""), new Problem(503, ""), new Problem(429, ""), jana]);
  assert.deepEqual(await a.answer, { person: jana, demo: [] });
  assert.equal(a.failed(), 3);
  assert.deepEqual(a.pauses, [250, 500, 999]);
});

test("nobody is signed in: the demo's agents are offered", async () => {
  const a = asked([new Problem(401, "", "", { demo_agents: [{ id: "jana", name: "Jana" }, { id: "emil" }, {}, 7] })]);
  assert.deepEqual(await a.answer, { person: null, demo: [jana, { id: "emil", name: "emil" }] });
  assert.equal(a.failed(), 0);
});
