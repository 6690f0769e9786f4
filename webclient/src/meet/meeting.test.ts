import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { MeetClientFrame, MeetRecording, MeetServerFrame } from "../shared/protocol";
import { Meeting } from "./meeting";
import { recordAct, signOf } from "./recording";
import type { Wire } from "./socket";
import en from "./texts/en";

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
    language: () => "de",
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

const room = (recording?: MeetRecording, more: object = {}) =>
  ({
    t: "room",
    people: [person("p1"), person("p2")],
    lobby: [],
    locked: false,
    since: "",
    ...(recording && { recording }),
    ...more,
  }) as const satisfies MeetServerFrame;

const person = (id: string) => ({
  id,
  name: id,
  host: false,
  audio: true,
  video: true,
  screen: false,
  away: false,
});

test("a recording is shown as long as it goes on, and its end is said", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s" });
  assert.equal(signOf(m, en), undefined);
  wire().tell(room({ state: "notice" }));
  assert.equal(signOf(m, en)?.text, en.rec.notice);
  wire().tell(room({ state: "on" }));
  assert.deepEqual([signOf(m, en)?.text, signOf(m, en)?.answers], [en.rec.on, []]);
  const said = () => m.notice.value?.say;
  assert.equal(said(), undefined);
  wire().tell(room({ state: "stopped" }));
  assert.equal(signOf(m, en), undefined);
  assert.equal(said(), "notRecorded");
  m.dispose();
});

test("a guest is asked, and may answer again", () => {
  wire().tell({ t: "place", at: "in", you: "p1", seat: "s" });
  wire().tell(room({ state: "on", ask: true }));
  assert.deepEqual(signOf(m, en)?.answers, [
    { agreed: true, text: en.rec.agree },
    { agreed: false, text: en.rec.refuse },
  ]);
  m.consent(true);
  const said = wire().said("consent").at(-1);
  assert.deepEqual([said?.agreed, said?.language], [true, "de"]);
  wire().tell(room({ state: "on", ask: true, answer: "agreed" }));
  assert.deepEqual(signOf(m, en)?.answers, [{ agreed: false, text: en.rec.withdraw }]);
  wire().tell(room({ state: "on", ask: true, answer: "refused" }));
  assert.deepEqual(signOf(m, en)?.answers, [{ agreed: true, text: en.rec.agreeNow }]);
  m.dispose();
});

test("agents begin and stop a recording where they may, and read why there is none", () => {
  wire().tell(room(undefined, { may_record: true }));
  assert.equal(recordAct(m), null); // a guest
  m.host = true;
  assert.equal(recordAct(m), "record");
  wire().tell(room({ state: "notice" }, { people: [person("p1")] }));
  assert.deepEqual([recordAct(m), signOf(m, en)?.text], ["record_stop", en.rec.alone]);
  wire().tell(room({ state: "failed" }, { may_record: true }));
  assert.deepEqual([recordAct(m), signOf(m, en)?.text], ["record", en.rec.failed]);
  wire().tell(room({ state: "stopped" }));
  assert.equal(recordAct(m), null);
  m.dispose();
});
