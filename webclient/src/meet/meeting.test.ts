import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { MeetClientFrame, MeetServerFrame } from "../shared/protocol";
import { Meeting } from "./meeting";
import type { Wire } from "./socket";

class FakeWire implements Wire {
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  sent: MeetClientFrame[] = [];
  send(data: string): void {
    this.sent.push(JSON.parse(data) as MeetClientFrame);
  }
  close(): void {}
  tell(f: MeetServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(f) });
  }
  said<T extends MeetClientFrame["t"]>(t: T): Extract<MeetClientFrame, { t: T }>[] {
    return this.sent.filter((f): f is Extract<MeetClientFrame, { t: T }> => f.t === t);
  }
}

const peer = () =>
  ({
    addTransceiver: () => ({ sender: { replaceTrack: () => Promise.resolve() } }),
    createOffer: () => new Promise(() => {}),
    getTransceivers: () => [],
    close: () => {},
  }) as unknown as RTCPeerConnection;

const welcome = {
  t: "welcome",
  version: 1,
  company: { name: "Nordwind", language: "de", color: "" },
  subject: "",
  name: "",
  host: false,
  open: true,
  people: 1,
  locked: false,
  staffed: true,
  server_now: "2026-11-25T10:00:00Z",
} as const satisfies MeetServerFrame;

let wires: FakeWire[];
let seat: string;
let m: Meeting;
const wire = () => wires.at(-1) as FakeWire;

beforeEach((t) => {
  wires = [];
  seat = "";
  (globalThis as { RTCRtpReceiver?: unknown }).RTCRtpReceiver = {};
  m = new Meeting({
    open: () => {
      const w = new FakeWire();
      wires.push(w);
      return w;
    },
    peer,
    link: "token",
    host: false,
    shelf: {
      get: () => seat,
      set: (s) => {
        seat = s;
      },
    },
  });
  m.wants.value = { mic: false, cam: false };
  m.start();
  wire().onopen?.();
  wire().tell(welcome);
  wire().tell({ t: "place", at: "green" });
  (t as { after?: (f: () => void) => void }).after?.(() => m.dispose());
});

test("a guest knocks, waits, and is in", async () => {
  assert.equal(m.at.value, "green");
  await m.join("Miriam");
  assert.deepEqual(wire().said("join"), [{ t: "join", name: "Miriam" }]);
  wire().tell({ t: "place", at: "lobby", you: "p1", seat: "s1" });
  assert.equal(m.at.value, "lobby");
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s2" });
  assert.equal(m.at.value, "in");
  assert.equal(seat, "s2");
  assert.deepEqual(wire().said("media").at(-1), { t: "media", audio: false, video: false, screen: false });
  m.dispose();
});

test("the seat is said again after the line was lost", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s2" });
  wire().onclose?.({ code: 1006 });
  assert.equal(m.online.value, false);
  assert.equal(m.at.value, "in"); // the picture may still be there
  m.nudge();
  m.dispose();
});

test("a meeting that ended while the page was away is over", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s2" });
  wire().tell({ t: "place", at: "green" });
  assert.deepEqual([m.at.value, m.why.value, seat], ["over", "ended", ""]);
});

test("why one does not get in is said", async () => {
  await m.join("Jonas");
  wire().tell({ t: "place", at: "green", why: "locked" });
  assert.deepEqual([m.at.value, m.why.value, m.joining.value], ["green", "locked", false]);
  m.dispose();
});

test("an older word about the places does not undo a newer one", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s" });
  wire().tell({ t: "slots", rev: 5, slots: [{ mid: "3", peer: "p2", kind: "audio" }] });
  wire().tell({ t: "slots", rev: 4, slots: [] });
  assert.equal(m.track({ peer: "p2", kind: "camera" }), undefined);
  wire().tell({ t: "slots", rev: 6, slots: [] });
  m.dispose();
});

test("what is not being read is counted, once a line", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s" });
  const line = { t: "chat", id: "1", from: "p2", name: "Anna", text: "hi", time: "", agent: true } as const;
  wire().tell(line);
  wire().tell(line);
  assert.deepEqual([m.chat.value.length, m.unread.value], [1, 1]);
  m.open("chat");
  assert.equal(m.unread.value, 0);
  m.dispose();
});

test("only what the others show is asked of the gateway", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s" });
  m.shown([
    { peer: "p1", kind: "camera", x: 0, y: 0, w: 160, h: 90 },
    { peer: "p2", kind: "camera", x: 0, y: 0, w: 640, h: 900 },
  ]);
  assert.deepEqual(wire().said("want").at(-1)?.tiles, [{ peer: "p2", kind: "camera", height: 900 }]);
  m.dispose();
});

test("a link that does not work is said, and not tried again", () => {
  wire().onclose?.({ code: 4003 });
  assert.equal(m.at.value, "gone");
  assert.equal(wires.length, 1);
});
