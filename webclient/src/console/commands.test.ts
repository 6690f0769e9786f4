import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsoleClientFrame } from "../shared/protocol";
import { Commands, Refused } from "./commands";

function commands() {
  const said: ConsoleClientFrame[] = [];
  const line = { up: true };
  const c = new Commands("p-", (f) => {
    if (line.up) said.push(f);
    return line.up;
  });
  return { c, said, line };
}

test("a command is done when it is acknowledged, and refused with the reason", async () => {
  const { c } = commands();
  const done = c.run({ do: "take", conversation: "c1" });
  const refused = c.run({ do: "take", conversation: "c2" });
  c.ack({ id: "p-2", failure: { kind: "conflict", detail: "Emil has it", field: "" } });
  c.ack({ id: "p-1" });
  c.ack({ id: "p-1" }); // a second time is nobody's
  assert.equal((await done).id, "p-1");
  await assert.rejects(refused, (e) => e instanceof Refused && e.failure.detail === "Emil has it");
  assert.equal(c.pending, 0);
});

test("what was not acknowledged is said again on the next connection, in order, under the same ids", () => {
  const { c, said, line } = commands();
  void c.run({ do: "close", conversation: "c1" }); // acknowledged
  void c.run({ do: "send", conversation: "c1", client_id: "m1", text: "two" }); // its acknowledgement is lost
  c.ack({ id: "p-1" });
  line.up = false;
  void c.run({ do: "send", conversation: "c1", client_id: "m2", text: "three" }); // never went out
  c.tell({ do: "typing", conversation: "c1" }); // nobody will miss it
  line.up = true;
  said.length = 0;
  c.resend();
  assert.deepEqual(said, [
    { t: "cmd", id: "p-2", do: "send", conversation: "c1", client_id: "m1", text: "two" },
    { t: "cmd", id: "p-3", do: "send", conversation: "c1", client_id: "m2", text: "three" },
  ]);
});
