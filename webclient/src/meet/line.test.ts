import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { BLINK_MS, HEAL_MS, MeetLine, STEP } from "./line";

class FakeSender {
  track: unknown = null;
  changes = 0;
  encodings: { rid?: string; active?: boolean }[];
  constructor(encodings: { rid?: string }[]) {
    this.encodings = encodings.map((e) => ({ ...e }));
  }
  getParameters() {
    return { encodings: this.encodings.map((e) => ({ ...e })) };
  }
  setParameters(p: { encodings: { active?: boolean }[] }): Promise<void> {
    this.encodings = p.encodings;
    this.changes++;
    return Promise.resolve();
  }
  get active(): boolean[] {
    return this.encodings.map((e) => e.active ?? true);
  }
  replaceTrack(t: unknown): Promise<void> {
    this.track = t;
    return Promise.resolve();
  }
}

class FakePeer {
  connectionState = "new";
  signalingState = "stable";
  onconnectionstatechange: (() => void) | null = null;
  transceivers: { kind: string; direction: string; sender: FakeSender; mid: string; receiver: { track: string } }[] =
    [];
  restarts = 0;
  closed = false;
  addTransceiver(kind: string, o: { direction: string; sendEncodings?: { rid?: string }[] }) {
    const mid = String(this.transceivers.length);
    const t = {
      kind,
      direction: o.direction,
      sender: new FakeSender(o.sendEncodings ?? []),
      mid,
      receiver: { track: `track${mid}` },
    };
    this.transceivers.push(t);
    return t;
  }
  getTransceivers() {
    return this.transceivers;
  }
  createOffer() {
    return Promise.resolve({ sdp: `offer of ${this.transceivers.length}` });
  }
  setLocalDescription() {
    this.signalingState = "have-local-offer";
    return Promise.resolve();
  }
  setRemoteDescription() {
    this.signalingState = "stable";
    return Promise.resolve();
  }
  restartIce() {
    this.restarts++;
  }
  close() {
    this.closed = true;
  }
  turn(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

let peers: FakePeer[];
let offers: { line: number; sdp: string }[];
let line: MeetLine;
const settle = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000_000_000 });
  (globalThis as { RTCRtpReceiver?: unknown }).RTCRtpReceiver = {};
  peers = [];
  offers = [];
  line = new MeetLine({
    peer: () => {
      const p = new FakePeer();
      peers.push(p);
      return p as unknown as RTCPeerConnection;
    },
    offer: (l, sdp) => {
      offers.push({ line: l, sdp });
      return true;
    },
    changed: () => {},
  });
});
afterEach(() => mock.timers.reset());

async function connected(): Promise<FakePeer> {
  line.socketUp(0);
  await settle();
  line.answered(line.number, "answer", undefined);
  await settle();
  const p = peers.at(-1);
  assert.ok(p);
  p.turn("connected");
  return p;
}

test("it sends on three lines and has places for others before they come", async () => {
  const track = { id: "mic" } as unknown as MediaStreamTrack;
  line.send("audio", track);
  const p = await connected();
  assert.equal(line.at, "up");
  const sends = p.transceivers.filter((t) => t.direction === "sendonly").map((t) => t.kind);
  assert.deepEqual(sends, ["audio", "video", "video"]);
  assert.equal(p.transceivers.filter((t) => t.direction === "recvonly").length, 2 * STEP + 1);
  assert.equal(p.transceivers[0]?.sender.track, track);
  assert.equal(line.track("5"), "track5" as unknown);
});

test("layers that nobody has use for are not sent, until somebody has or the line is another", async () => {
  const p = await connected();
  const [, camera, screen] = p.transceivers.map((t) => t.sender);
  line.need({ camera: 1, screen: 0 });
  line.need({ camera: 1, screen: 0 });
  await settle();
  assert.deepEqual(camera?.active, [true, false, false]);
  assert.deepEqual(screen?.active, [true, true]);
  assert.equal(camera?.changes, 1);
  line.need({ camera: 1, screen: 1 });
  line.need({ camera: 3, screen: 1 });
  await settle();
  assert.deepEqual(camera?.active, [true, true, true]);
  assert.deepEqual(screen?.active, [true, false]);
  line.open();
  await settle();
  peers.at(-1)?.turn("connected");
  await settle();
  assert.deepEqual(peers.at(-1)?.transceivers[2]?.sender.active, [true, true]);
});

test("joining and leaving needs no offer until there are more than places", async () => {
  await connected();
  line.room(STEP);
  line.room(1);
  await settle();
  assert.equal(offers.length, 1);
  line.room(STEP + 1);
  await settle();
  assert.equal(offers.length, 2);
  assert.equal(offers[1]?.line, offers[0]?.line);
  assert.equal(peers.length, 1);
});

test("more places are asked for when the offer before is answered", async () => {
  line.socketUp(0);
  await settle();
  line.room(9);
  await settle();
  assert.equal(offers.length, 1);
  line.answered(line.number, "answer", undefined);
  await settle();
  assert.equal(offers.length, 2);
});

test("a blink is nothing, what lasts restarts ICE, and what does not heal begins anew", async () => {
  const p = await connected();
  p.turn("disconnected");
  mock.timers.tick(BLINK_MS - 1);
  p.turn("connected");
  assert.equal(p.restarts, 0);
  p.turn("disconnected");
  mock.timers.tick(BLINK_MS);
  await settle();
  assert.equal(line.at, "broken");
  assert.equal(p.restarts, 1);
  mock.timers.tick(HEAL_MS);
  await settle();
  assert.ok(p.closed);
  assert.equal(peers.length, 2);
  assert.ok((offers.at(-1)?.line ?? 0) > (offers[0]?.line ?? 0));
});

test("when the socket was away and the gateway still has the line it goes on, else it is a new one", async () => {
  await connected();
  line.socketDown();
  line.socketUp(line.number);
  assert.equal(peers.length, 1);
  line.socketDown();
  line.socketUp(0);
  assert.equal(peers.length, 2);
});

test("an answer of an older connection is not taken", async () => {
  line.socketUp(0);
  await settle();
  line.answered(line.number - 1, "old", undefined);
  await settle();
  assert.equal(peers[0]?.signalingState, "have-local-offer");
});
