// A browser's media for the tests: a microphone that can be refused or pulled out, and PeerConnections whose
// fate is a method call.

import { CallLine, type LineOffer, type LineOptions, type LineState, type MicTrouble } from "./call";
import type { ICEServer } from "./protocol";

export class FakeTrack {
  readonly kind = "audio";
  enabled = true;
  muted = false;
  readyState: "live" | "ended" = "live";
  onended: (() => void) | null = null;
  onmute: (() => void) | null = null;
  onunmute: (() => void) | null = null;

  stop(): void {
    this.readyState = "ended";
  }

  /** The device is pulled out. */
  pull(): void {
    this.readyState = "ended";
    this.onended?.();
  }
}

export class FakeStream {
  readonly track = new FakeTrack();

  getTracks(): FakeTrack[] {
    return [this.track];
  }

  getAudioTracks(): FakeTrack[] {
    return [this.track];
  }
}

export class FakePeer {
  connectionState = "new";
  iceConnectionState = "new";
  signalingState = "stable";
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((e: unknown) => void) | null = null;
  readonly dtls = { state: "new", onstatechange: null as (() => void) | null };
  track: unknown;
  closed = false;
  #offers = 0;

  constructor(
    readonly name: string,
    readonly relays: unknown[] = [],
  ) {}

  addTrack(track: unknown): void {
    this.track = track;
  }

  getSenders() {
    return [
      {
        transport: this.dtls,
        replaceTrack: async (track: unknown) => {
          this.track = track;
        },
      },
    ];
  }

  restartIce(): void {}

  async createOffer() {
    return { type: "offer", sdp: `${this.name} offer ${++this.#offers}` };
  }

  async setLocalDescription(): Promise<void> {
    this.signalingState = "have-local-offer";
  }

  async setRemoteDescription(): Promise<void> {
    this.signalingState = "stable";
  }

  close(): void {
    this.closed = true;
    this.connectionState = "closed";
  }

  becomes(state: "connected" | "disconnected" | "failed"): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  /** The gateway closes the connection: DTLS says so at once. */
  cut(): void {
    this.dtls.state = "closed";
    this.dtls.onstatechange?.();
  }
}

/** A line with everything it needs, and what came of it. */
export class Scene {
  readonly peers: FakePeer[] = [];
  readonly streams: FakeStream[] = [];
  readonly offers: LineOffer[] = [];
  readonly hangups: string[] = [];
  readonly states: LineState[] = [];
  /** The microphone is refused with this. */
  refuse: MicTrouble | undefined;
  socket = true;
  playing: unknown = null;
  readonly options: LineOptions = {
    microphone: async () => {
      if (this.refuse) throw this.refuse;
      const stream = new FakeStream();
      this.streams.push(stream);
      return stream as unknown as MediaStream;
    },
    trouble: (error) => error as MicTrouble,
    peer: (relays) => {
      const peer = new FakePeer(`pc${this.peers.length + 1}`, relays);
      this.peers.push(peer);
      return peer as unknown as RTCPeerConnection;
    },
    offer: (o) => {
      if (this.socket) this.offers.push(o);
      return this.socket;
    },
    hangup: (call) => {
      if (this.socket) this.hangups.push(call);
      return this.socket;
    },
    play: (sound) => {
      this.playing = sound;
    },
    changed: (s) => this.states.push(s),
  };
  readonly line = new CallLine(this.options);

  get peer(): FakePeer {
    return this.peers.at(-1) as FakePeer;
  }

  get track(): FakeTrack {
    return this.streams.at(-1)?.track as FakeTrack;
  }

  get at(): string {
    return this.line.state.at;
  }

  /** Answers the last offer. */
  async answer(call = "call", ice: ICEServer[] = []): Promise<void> {
    this.line.answered({ call, sdp: "answer", ice });
    await settled();
  }

  /** Dials and gets through. */
  async connect(call = "call"): Promise<void> {
    this.line.dial(call);
    await settled();
    await this.answer(call);
    this.peer.becomes("connected");
    this.line.told(call);
  }

  lose(): void {
    this.socket = false;
    this.line.socketDown();
  }

  async back(call: string): Promise<void> {
    this.socket = true;
    this.line.socketUp(call);
    await settled();
  }
}

/** Lets everything happen that has no timer. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve();
}
