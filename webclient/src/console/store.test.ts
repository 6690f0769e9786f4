import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsoleServerFrame, ConsoleUpdate, ConsoleWelcome, Conversation, Item } from "../shared/protocol";
import { ringingAt, sampleConversation } from "./sample";
import { Store } from "./store";
import { sampleItem } from "./thread/sample";

const AT = Date.parse("2026-11-24T09:00:00Z");

function welcome(part: Partial<ConsoleWelcome> = {}): ConsoleServerFrame {
  return {
    t: "welcome",
    version: 1,
    build: "1",
    me: {
      id: "jana",
      name: "Jana",
      role: "agent",
      queues: ["main"],
      presence: "ready",
      active: 0,
      text_capacity: 4,
      call_capacity: 1,
    },
    company: { name: "Nordwind", language: "de", color: "" },
    resumed: false,
    head: 0,
    agents: [],
    queues: [],
    alarms: [],
    replies: [],
    emergency: { on: false, since: null, by: "", why: "", text: null },
    calls: false,
    meetings: false,
    server_now: "2026-11-24T09:00:05Z",
    ...part,
  };
}

const update = (u: Partial<ConsoleUpdate> & { position: number }): ConsoleServerFrame => ({ t: "update", ...u });

/** A store that draws at once. */
function store(): Store {
  return new Store(
    "jana",
    (f) => f(),
    () => AT,
  );
}

test("a snapshot replaces what was there; a resumed connection adds to it", () => {
  const s = store();
  s.receive(welcome());
  s.receive({ t: "list", conversations: [sampleConversation({ id: "c1" }), sampleConversation({ id: "c2" })] });
  assert.equal(s.synced.value, false, "not before everything is here");
  s.receive({ t: "ready", head: 10 });
  assert.equal(s.after, 10);
  assert.equal(s.skew.value, 5000);

  s.lost();
  assert.equal(s.rows("mine").length, 2, "what was true stays to be read");
  s.receive(welcome({ resumed: true }));
  s.receive(update({ position: 12, conversation: sampleConversation({ id: "c3", rev: 12 }) }));
  s.receive({ t: "ready", head: 12 });
  assert.equal(s.rows("mine").length, 3);

  s.lost();
  s.receive(welcome());
  s.receive({ t: "list", conversations: [sampleConversation({ id: "c3", rev: 12 })] });
  s.receive({ t: "ready", head: 20 });
  assert.deepEqual(
    s.rows("mine").map((c) => c.id),
    ["c3"],
  );
});

test("an older head or line never replaces a newer one", () => {
  const s = store();
  s.receive(welcome());
  s.receive({ t: "ready", head: 5 });
  s.timeline("c1");
  const item = sampleItem({ conversation: "c1", delivery: "read", rev: 9 });
  s.receive(update({ position: 9, conversation: sampleConversation({ rev: 9, preview: "new" }), item }));
  s.learn(sampleConversation({ rev: 8, preview: "old" }));
  s.learnItems("c1", [{ ...item, delivery: "sent", rev: 7 }]);
  assert.equal(s.conversation("c1")?.preview, "new");
  assert.equal(s.timeline("c1").items.value[0]?.delivery, "read");
});

test("who is on the page is not known while the line is gone", () => {
  const s = store();
  s.receive(welcome());
  s.receive({ t: "list", conversations: [sampleConversation({ online: true })] });
  s.receive({ t: "ready", head: 1 });
  s.lost();
  assert.equal(s.conversation("c1")?.online, false);
  s.receive(welcome({ resumed: true }));
  s.receive({ t: "list", conversations: [sampleConversation({ online: true })] }); // unchanged, but on the page
  assert.equal(s.conversation("c1")?.online, true);
});

test("typing ends with the message, with the line, and by itself", () => {
  let now = AT;
  const s = new Store(
    "jana",
    (f) => f(),
    () => now,
  );
  s.receive(welcome());
  s.receive({ t: "ready", head: 1 });
  const types = () => s.receive({ t: "typing", conversation: "c1" });
  types();
  types();
  assert.equal(s.typing.value.length, 1);
  s.receive(update({ position: 2, item: sampleItem({ conversation: "c1" }) }));
  assert.equal(s.typing.value.length, 0);
  types();
  now += 6000;
  s.tick();
  assert.equal(s.typing.value.length, 0);
  types();
  s.lost();
  assert.equal(s.typing.value.length, 0);
});

test("a console that is older than the gateway is told, once it can be", () => {
  const s = store();
  s.receive(welcome({ build: "1" }));
  s.receive(welcome({ build: "1", resumed: true }));
  assert.equal(s.outdated.value, false);
  s.receive(welcome({ build: "2", resumed: true }));
  assert.equal(s.outdated.value, true);
});

test("rows are sorted once for many draws, and again when a conversation changed", () => {
  const s = store();
  s.receive(welcome());
  s.receive({ t: "list", conversations: [sampleConversation({ id: "c1" }), ringingAt(["jana"], { id: "c2" })] });
  assert.equal(s.rows("mine"), s.rows("mine"));
  const before = s.rows("mine");
  s.learn(sampleConversation({ id: "c3", rev: 2 }));
  assert.notEqual(s.rows("mine"), before);
  assert.equal(s.rows("mine")[0]?.id, "c2");
});

/** A gateway with a journal of its own: what a console must show after each position. */
class Journal {
  readonly heads = new Map<string, Conversation>();
  readonly items: Item[] = [];
  position = 0;

  constructor(private readonly random: () => number) {}

  /** One event; one position may be told as two frames. */
  next(): ConsoleServerFrame[] {
    const id = `c${Math.floor(this.random() * 5)}`;
    const rev = ++this.position;
    const closed = this.random() < 0.1;
    const c = sampleConversation({ id, rev, preview: `at ${rev}`, state: closed ? "closed" : "active" });
    this.heads.set(id, c);
    const old = this.items[Math.floor(this.random() * this.items.length)];
    const changes = old && this.random() < 0.3;
    const item = changes
      ? { ...old, rev, delivery: "read" as const }
      : sampleItem({ id: `m${rev}`, conversation: id, position: rev, rev });
    if (changes) this.items[this.items.indexOf(old)] = item;
    else this.items.push(item);
    return [update({ position: rev, item }), update({ position: rev, conversation: c })];
  }

  /** What a connection begins with. */
  hello(after: number, resumed: boolean): ConsoleServerFrame[] {
    const heads = [...this.heads.values()];
    const missed = this.items.filter((it) => it.rev > after).map((item) => update({ position: item.rev, item }));
    return [
      welcome({ resumed }),
      { t: "list", conversations: resumed ? heads.filter((c) => c.rev > after) : heads },
      ...(resumed ? missed : []),
      { t: "ready", head: this.position },
    ];
  }
}

test("after any number of cut connections it shows exactly what the journal holds", () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const random = () => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return state / 2147483648;
    };
    const journal = new Journal(random);
    const s = store();
    for (let id = 0; id < 5; id++) s.timeline(`c${id}`);
    for (let connection = 0; connection < 8; connection++) {
      const frames = journal.hello(s.after, s.after > 0 && random() < 0.7);
      // Cut during the replay or in the middle of a position's two frames, or lived through to the end.
      for (let n = 0; n < 10; n++) frames.push(...journal.next());
      const cut = connection === 7 ? frames.length : Math.floor(random() * (frames.length + 1));
      for (const f of frames.slice(0, cut)) {
        s.receive(f);
        if (f.t === "ready") reload(s, journal);
      }
      if (connection < 7) s.lost();
    }
    for (const [id, c] of journal.heads) {
      assert.equal(s.conversation(id)?.preview, c.preview, `seed ${seed}: ${id}`);
      const want = journal.items.filter((it) => it.conversation === id).map((it) => `${it.id} ${it.delivery ?? ""}`);
      const got = s.timeline(id).items.value.map((it) => `${it.id} ${it.delivery ?? ""}`);
      assert.deepEqual(got, want, `seed ${seed}: lines of ${id}`);
    }
  }
});

/** What a desk does after a snapshot: timelines that say "loading" are fetched. */
function reload(s: Store, journal: Journal): void {
  for (let id = 0; id < 5; id++) {
    const t = s.timeline(`c${id}`);
    if (t.state.value !== "loading") continue;
    s.learnItems(
      `c${id}`,
      journal.items.filter((it) => it.conversation === `c${id}`),
    );
    t.state.value = "loaded";
  }
}
