import assert from "node:assert/strict";
import { test } from "node:test";
import type { MicTrouble } from "../../shared/call";
import { FakePeer, FakeStream, settled } from "../../shared/call-fake";
import type { Conversation } from "../../shared/protocol";
import { Refused } from "../commands";
import type { Shelf } from "../drafts";
import type { Store } from "../store";
import { Phone } from "./phone";
import { sampleCall, sampleRecord, sampleRinging, sampleStore, sampleTalk } from "./sample";

/** A telephone, its gateway and its browser. */
class Room {
  readonly store: Store = sampleStore();
  readonly did: string[] = [];
  readonly said: string[] = [];
  readonly peers: FakePeer[] = [];
  readonly streams: FakeStream[] = [];
  readonly kept = new Map<string, string>();
  readonly claimed = new Set<string>();
  refuseMic: MicTrouble | undefined;
  refuse = "";
  moveNetwork = () => {};
  readonly phone: Phone;

  constructor(kept: Record<string, string> = {}) {
    for (const [k, v] of Object.entries(kept)) this.kept.set(k, v);
    this.phone = new Phone({
      store: this.store,
      exchange: {
        accept: (c, offer) => this.do(`accept ${c} ${offer}`),
        take: (c) => this.do(`take ${c}`),
        call: (c, call) => this.do(`call ${c} ${call.length}`),
        offer: async (c, call, _, restart) => {
          await this.do(`offer ${c} ${call}${restart ? " restart" : ""}`);
          return { sdp: "answer", ice: [] };
        },
        hangup: (c, call) => void this.do(`hangup ${c} ${call}`),
        pickup: (c, offer) => this.do(`pickup ${c} ${offer}`),
        supervise: (c, call, mode) => this.do(`supervise ${c} ${call} ${mode}`),
        act: (command) =>
          void this.do(`${command.do} ${command.conversation} ${command.to ?? command.mode ?? ""}`.trim()),
      },
      parts: {
        microphone: async () => {
          if (this.refuseMic) throw this.refuseMic;
          const stream = new FakeStream();
          this.streams.push(stream);
          return stream as unknown as MediaStream;
        },
        trouble: (e) => e as MicTrouble,
        peer: () => {
          const peer = new FakePeer(`pc${this.peers.length + 1}`);
          this.peers.push(peer);
          return peer as unknown as RTCPeerConnection;
        },
        play: () => {},
        networkMoves: (f) => {
          this.moveNetwork = f;
          return () => {};
        },
        aim: async () => {},
        shelf: this.shelf(),
        claim: async (name) => {
          if (this.claimed.has(name)) return null;
          this.claimed.add(name);
          return () => this.claimed.delete(name);
        },
      },
      refused: (detail) => this.said.push(detail),
      show: (c) => this.said.push(`show ${c}`),
      writeUp: (c) => this.said.push(`write up ${c}`),
    });
    this.phone.start();
  }

  private async do(what: string): Promise<void> {
    this.did.push(what);
    if (this.refuse && what.startsWith(this.refuse)) {
      throw new Refused({ kind: "conflict", detail: `no ${this.refuse}` });
    }
  }

  private shelf(): Shelf {
    return {
      getItem: (k) => this.kept.get(k) ?? null,
      setItem: (k, v) => void this.kept.set(k, v),
      removeItem: (k) => void this.kept.delete(k),
    };
  }

  /** The gateway tells of a conversation. */
  async tell(c: Conversation): Promise<Conversation> {
    this.store.receive({ t: "update", position: c.rev, conversation: c });
    await settled();
    return c;
  }

  get peer(): FakePeer {
    return this.peers.at(-1) as FakePeer;
  }

  get here(): string {
    const v = this.phone.view.value;
    return v.at === "call" ? v.here : v.at;
  }

  /** Rings, is accepted, both are heard. */
  async talking(): Promise<void> {
    await this.phone.answer(await this.tell(sampleRinging()));
    await this.tell(sampleTalk({ call: sampleCall({ state: "answered", connected_at: null }) }));
    this.peer.becomes("connected");
    await this.tell(sampleTalk({ call: sampleCall() }));
  }
}

test("the microphone comes first, then the call is accepted, then the line is offered", async () => {
  const room = new Room();
  await room.talking();
  assert.deepEqual(room.did, ["accept c1 o1", "offer c1 call-call-call-1"]);
  assert.equal(room.streams.length, 1);
  assert.equal(room.here, "connected");
  assert.deepEqual(room.said, ["show c1"]);
  assert.equal(room.kept.get("backline.call"), "call-call-call-1");
});

test("without a microphone nothing is accepted, and it is said why", async () => {
  const room = new Room();
  room.refuseMic = "denied";
  await room.phone.answer(await room.tell(sampleRinging()));
  assert.deepEqual(room.did, []);
  assert.deepEqual(room.phone.trouble.value, { conversation: "c1", why: "denied" });
  assert.equal(room.phone.busy, false);
  room.refuseMic = undefined;
  await room.phone.answer(sampleRinging());
  assert.equal(room.phone.trouble.value, null);
  assert.deepEqual(room.did[0], "accept c1 o1");
});

test("a colleague was quicker: the microphone is let go and no line is offered", async () => {
  const room = new Room();
  room.refuse = "accept";
  await room.phone.answer(await room.tell(sampleRinging()));
  await settled();
  assert.deepEqual(room.said, ["no accept"]);
  assert.equal(room.streams[0]?.track.readyState, "ended");
  assert.equal(room.peers.length, 0);
  assert.equal(room.phone.busy, false);
});

test("a call that waits without ringing here is taken", async () => {
  const room = new Room();
  const waiting = sampleRinging({ state: "waiting", offer: null });
  await room.phone.answer(await room.tell(waiting));
  assert.equal(room.did[0], "take c1");
});

test("a call on another device can be taken here", async () => {
  const room = new Room();
  await room.tell(sampleTalk({ call: sampleCall() }));
  assert.equal(room.here, "elsewhere");
  assert.equal(room.peers.length, 0);
  room.phone.takeHere();
  await settled();
  room.peer.becomes("connected");
  assert.equal(room.here, "connected");
  assert.deepEqual(room.did, ["offer c1 call-call-call-1"]);
});

test("after a reload the tab that had the call goes on with it, without a click", async () => {
  const room = new Room({ "backline.call": "call-call-call-1" });
  await room.tell(sampleTalk({ call: sampleCall() }));
  assert.deepEqual(room.did, ["offer c1 call-call-call-1"]);
  assert.equal(room.here, "joining");
});

test("a copy of the tab does not take the call away from it", async () => {
  const room = new Room({ "backline.call": "call-call-call-1" });
  room.claimed.add("backline.call.call-call-call-1");
  await room.tell(sampleTalk({ call: sampleCall() }));
  assert.deepEqual(room.did, []);
  assert.equal(room.here, "elsewhere");
});

test("on another network the line of the call is restarted", async () => {
  const room = new Room();
  await room.talking();
  room.moveNetwork();
  await settled();
  assert.equal(room.did.at(-1), "offer c1 call-call-call-1 restart");
  assert.equal(room.peers.length, 1);
});

test("when the gateway is back the line is offered anew, with the same microphone", async () => {
  const room = new Room();
  await room.talking();
  room.store.lost();
  await settled();
  assert.equal(room.did.length, 2);
  room.store.receive({ t: "ready", head: 9 });
  await settled();
  assert.deepEqual(room.did.slice(2), ["offer c1 call-call-call-1"]);
  assert.equal(room.streams.length, 1);
  assert.equal(room.peers.length, 2);
});

test("hanging up tells the gateway once; then the call is written up", async () => {
  const room = new Room();
  await room.talking();
  room.phone.hangUp();
  assert.deepEqual(room.did.slice(2), ["hangup c1 call-call-call-1"]);
  assert.equal(room.here, "none");
  await room.tell(sampleTalk({ last_call: sampleRecord() }));
  await room.tell(sampleTalk({ state: "wrap-up", last_call: sampleRecord(), wrap_up_until: "2026-11-24T09:05:00Z" }));
  assert.equal(room.here, "wrap-up");
  assert.deepEqual(room.said, ["show c1", "write up c1"]);
  assert.equal(room.kept.has("backline.call"), false);
});

test("a call on another device can be ended from here", async () => {
  const room = new Room();
  await room.tell(sampleTalk({ call: sampleCall() }));
  room.phone.hangUp();
  assert.deepEqual(room.did, ["hangup c1 call-call-call-1"]);
});

test("the customer is called, and it is shown that nobody answered", async () => {
  const room = new Room();
  const c = await room.tell(sampleTalk());
  await room.phone.place(c);
  assert.equal(room.did[0], "call c1 22");
  const line = room.phone.line.value;
  const id = "call" in line ? line.call : "";
  const ringing = sampleCall({ id, state: "ringing", from: "agent", connected_at: null });
  await room.tell(sampleTalk({ call: ringing }));
  assert.deepEqual(room.did.slice(1), [`offer c1 ${id}`]);
  await room.tell(
    sampleTalk({ last_call: sampleRecord({ from: "agent", outcome: "no_answer", reason: "no_answer" }) }),
  );
  assert.equal(room.here, "over");
  assert.equal(room.streams[0]?.track.readyState, "ended");
  room.phone.dismiss();
  assert.equal(room.here, "none");
});

test("who hangs up before the customer answers is not told that nobody answered", async () => {
  const room = new Room();
  await room.phone.place(await room.tell(sampleTalk()));
  const line = room.phone.line.value;
  const id = "call" in line ? line.call : "";
  await room.tell(sampleTalk({ call: sampleCall({ id, state: "ringing", from: "agent", connected_at: null }) }));
  room.phone.hangUp();
  await room.tell(sampleTalk({ last_call: sampleRecord({ from: "agent", outcome: "no_answer", reason: "agent" }) }));
  assert.equal(room.here, "none");
});

test("M mutes the microphone, and a new one after it", async () => {
  const room = new Room();
  await room.talking();
  room.phone.toggleMute();
  assert.equal(room.streams[0]?.track.enabled, false);
  room.phone.toggleMute();
  assert.equal(room.streams[0]?.track.enabled, true);
});

test("an invitation into a colleague's call is answered by its own offer", async () => {
  const room = new Room();
  const leg = { id: "l9", role: "consult" as const, agent: "", to: "agent/jana", by: "emil", since: "", offer: null };
  const offer = { id: "o9", agents: ["jana"], until: "2026-11-24T09:00:20Z" };
  const c = await room.tell(
    sampleTalk({ id: "c1", agent: "emil", call: sampleCall({ agent: "emil", legs: [{ ...leg, offer }] }) }),
  );
  assert.equal(room.here, "none");
  await room.phone.answer(c);
  await room.tell(
    sampleTalk({ id: "c1", agent: "emil", call: sampleCall({ agent: "emil", legs: [{ ...leg, agent: "jana" }] }) }),
  );
  assert.deepEqual(room.did, ["accept c1 o9", "offer c1 call-call-call-1"]);
  assert.equal(room.here, "joining");
  room.phone.toggleHold(); // not this agent's to hold
  assert.equal(room.did.length, 2);
  room.phone.hangUp();
  assert.equal(room.did.at(-1), "hangup c1 call-call-call-1");
});

test("what rings at a colleague is picked up, not taken", async () => {
  const room = new Room();
  const offer = { id: "o1", agents: ["emil"], until: "2026-11-24T09:00:20Z" };
  await room.phone.answer(await room.tell(sampleRinging({ id: "c1", offer })));
  assert.equal(room.did[0], "pickup c1 o1");
});

test("hanging up while a colleague is consulted goes back to the customer", async () => {
  const room = new Room();
  await room.talking();
  room.phone.toggleHold();
  const held_since = "2026-11-24T09:01:00Z";
  await room.tell(sampleTalk({ id: "c1", call: sampleCall({ held_since }) }));
  room.phone.toggleHold();
  const leg = {
    id: "l9",
    role: "consult" as const,
    agent: "emil",
    to: "agent/emil",
    by: "jana",
    since: "",
    offer: null,
  };
  await room.tell(sampleTalk({ id: "c1", call: sampleCall({ held_since, legs: [leg] }) }));
  room.phone.hangUp();
  assert.deepEqual(room.did.slice(2), ["hold c1", "resume c1", "back c1"]);
  assert.equal(room.here, "connected");
});
