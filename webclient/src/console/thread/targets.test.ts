import assert from "node:assert/strict";
import { test } from "node:test";
import type { Agent, Conversation, Presence, Queue } from "../../shared/protocol";
import { choicesOf } from "./targets";

const agent = (id: string, name: string, presence: Presence): Agent => ({
  id,
  name,
  role: "agent",
  queues: null,
  presence,
  active: 0,
  text_capacity: 4,
  call_capacity: 1,
});
const queue = (id: string, name: string): Queue => ({
  id,
  name,
  open: true,
  waiting: 0,
  longest_wait_ms: 0,
  ready: 0,
  signed_in: 0,
  estimate_ms: -1,
});
const agents = [
  agent("jana", "Jana Brandt", "busy"),
  agent("mona", "Mona Keller", "away"),
  agent("oz", "Özge Demir", "ready"),
  agent("faris", "Faris Rahmani", "ready"),
];
const queues = [queue("main", "Disposition"), queue("night", "Night desk")];
const at = (part: Partial<Conversation>) =>
  ({ agent: "", queue: "main", target: "queue/main", ...part }) as Conversation;
const ids = (c: Conversation, query = "") => choicesOf(agents, queues, c, "jana", query).map((x) => x.target);

test("who is ready comes first, queues after people; nobody hands over to themselves or to where it is", () => {
  assert.deepEqual(ids(at({ agent: "jana" })), ["agent/faris", "agent/oz", "agent/mona", "queue/main", "queue/night"]);
  assert.deepEqual(ids(at({ agent: "faris" })), ["agent/oz", "agent/mona", "queue/main", "queue/night"]);
  assert.deepEqual(ids(at({})), ["agent/faris", "agent/oz", "agent/mona", "queue/night"]);
});

test("some letters of a name are enough", () => {
  assert.deepEqual(ids(at({ agent: "jana" }), "oz"), ["agent/oz"]);
  assert.deepEqual(ids(at({ agent: "jana" }), "rahm"), ["agent/faris"]);
  assert.deepEqual(ids(at({ agent: "jana" }), "d"), ["agent/oz", "queue/main", "queue/night"]);
  assert.deepEqual(ids(at({ agent: "jana" }), "xyz"), []);
});
