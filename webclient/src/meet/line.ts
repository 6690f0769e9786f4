// This page's line into a meeting: one PeerConnection at a time, which sends sound, a camera in three sizes and a
// screen, and has spare places to get the others on. What is on which place the gateway says; joining and leaving
// of others needs no new offer until there are more of them than places.
//
//   idle → joining → up ⇄ broken
//
// The page offers, the gateway answers; nothing is trickled. A line heals by itself: an ICE restart when only the
// network changed, a new PeerConnection when that does not help or when the gateway has forgotten the old one.

import type { Failure, ICEServer } from "../shared/protocol";

/** Disconnected for this long, and it is more than a blink. */
export const BLINK_MS = 1500;
/** An attempt that has not connected after this is replaced by a new PeerConnection. */
export const HEAL_MS = 6000;
/** Relays are good for ten minutes; a connection is not begun with the last of them. */
const RELAYS_MS = 9 * 60_000;
/** Places for others are added in steps, so that few offers are made. */
export const STEP = 3;

export type LineAt = "idle" | "joining" | "up" | "broken";

export type Sends = "audio" | "camera" | "screen";

export type Layers = Record<Exclude<Sends, "audio">, number>;

export interface LineOptions {
  /** Relays are for when a line does not come up directly. */
  peer(relays: ICEServer[]): RTCPeerConnection;
  /** Hands an offer to the gateway; false: there is no socket, it is offered when that is back. */
  offer(line: number, sdp: string): boolean;
  /** Something is to be drawn again. */
  changed(): void;
}

/** What a camera sends: small tiles need little, and a slow line carries little. */
const CAMERA: RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

/** A screen is read: better sharp and slow. */
const SCREEN: RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 2, maxBitrate: 300_000, maxFramerate: 5 },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 1_800_000, maxFramerate: 15 },
];

export class MeetLine {
  at: LineAt = "idle";
  /** Number of the connection; the gateway is told the same. */
  number = 0;
  #pc: RTCPeerConnection | undefined;
  #senders: Partial<Record<Sends, RTCRtpSender>> = {};
  #need: Layers = { camera: 0, screen: 0 };
  /** One change of a sender after the other: parameters are good for one change only. */
  #needing: Promise<void> = Promise.resolve();
  readonly #tracks: Partial<Record<Sends, MediaStreamTrack | null>> = {};
  #places = 0;
  #wanted = STEP;
  #offering = false;
  #again = false;
  #socket = false;
  /** What the gateway named in the latest answer. */
  #relays = { servers: [] as ICEServer[], at: 0 };
  #blink: ReturnType<typeof setTimeout> | undefined;
  #heal: ReturnType<typeof setTimeout> | undefined;
  readonly #o: LineOptions;

  constructor(o: LineOptions) {
    this.#o = o;
  }

  get peer(): RTCPeerConnection | undefined {
    return this.#pc;
  }

  /** Sends this track from now on, also on connections to come; null: nothing. */
  send(kind: Sends, track: MediaStreamTrack | null): void {
    this.#tracks[kind] = track;
    this.#senders[kind]?.replaceTrack(track).catch(() => {}); // a connection that is closed
  }

  /** So many layers of each, from the smallest, somebody has use for; 0: all. */
  need(layers: Layers): void {
    this.#need = layers;
    for (const kind of ["camera", "screen"] as const) {
      const s = this.#senders[kind];
      // What is refused is sent as before, which costs more and harms nobody.
      if (s) this.#needing = this.#needing.then(() => activate(s, this.#need[kind])).catch(() => {});
    }
  }

  /** Makes room for so many others. */
  room(others: number): void {
    this.#wanted = Math.max(STEP, Math.ceil(others / STEP) * STEP);
    if (this.#pc && this.#wanted > this.#places) {
      this.#addPlaces(this.#pc);
      this.#offer();
    }
  }

  /** The socket is there and this page is in. known is the connection that the gateway still has; 0: none. */
  socketUp(known: number): void {
    this.#socket = true;
    if (known && known === this.number && this.#pc?.connectionState === "connected") return;
    this.open();
  }

  socketDown(): void {
    this.#socket = false;
  }

  /** Begins a new connection and drops the one before. */
  open(): void {
    this.#close();
    this.number = Math.max(this.number + 1, Math.floor(Date.now() / 1000) % 1_000_000_000);
    const fresh = Date.now() - this.#relays.at < RELAYS_MS;
    const pc = this.#o.peer(fresh ? this.#relays.servers : []);
    this.#pc = pc;
    pc.onconnectionstatechange = () => this.#turned(pc);
    this.#publish(pc, "audio", [{ priority: "high", networkPriority: "high" }]);
    this.#publish(pc, "camera", CAMERA);
    this.#publish(pc, "screen", SCREEN);
    this.#places = 0;
    this.#addPlaces(pc);
    this.#to("joining");
    this.#offer();
  }

  answered(line: number, sdp: string, failure: Failure | undefined, ice: ICEServer[] = []): void {
    const pc = this.#pc;
    if (ice.length) this.#relays = { servers: ice, at: Date.now() };
    if (line !== this.number || pc?.signalingState !== "have-local-offer") return; // of an older connection
    if (failure) {
      if (failure.kind === "not_found" || failure.kind === "invalid") this.#healSoon(500);
      return; // the attempt runs out, and another begins
    }
    pc.setRemoteDescription({ type: "answer", sdp })
      .then(() => {
        this.#offering = false;
        if (this.#again) this.#offer();
        this.#o.changed();
      })
      .catch(() => {}); // the attempt runs out
  }

  /** The browser says that the network has changed or is back. */
  network(): void {
    if (this.#pc && this.#socket) this.#restart();
  }

  /** What comes on a place. */
  track(mid: string): MediaStreamTrack | undefined {
    return this.#pc?.getTransceivers().find((t) => t.mid === mid)?.receiver.track;
  }

  close(): void {
    this.#close();
    this.#to("idle");
  }

  #publish(pc: RTCPeerConnection, kind: Sends, sendEncodings: RTCRtpEncodingParameters[]): void {
    const media = kind === "audio" ? "audio" : "video";
    const t = pc.addTransceiver(media, { direction: "sendonly", sendEncodings });
    prefer(t, media);
    this.#senders[kind] = t.sender;
    const track = this.#tracks[kind];
    if (track) t.sender.replaceTrack(track).catch(() => {}); // a connection that is closed
  }

  /** One voice and one picture for each other, and one shared screen for all. */
  #addPlaces(pc: RTCPeerConnection): void {
    if (!this.#places) prefer(pc.addTransceiver("video", { direction: "recvonly" }), "video");
    for (; this.#places < this.#wanted; this.#places++) {
      for (const media of ["audio", "video"] as const) {
        prefer(pc.addTransceiver(media, { direction: "recvonly" }), media);
      }
    }
  }

  #offer(): void {
    const pc = this.#pc;
    if (!pc || !this.#socket) return;
    this.#again = this.#offering;
    if (this.#offering) return;
    this.#offering = true;
    this.#healSoon(HEAL_MS);
    pc.createOffer()
      .then(async (offer) => {
        await pc.setLocalDescription(offer);
        if (pc === this.#pc) this.#o.offer(this.number, offer.sdp ?? "");
      })
      .catch(() => {}); // the attempt runs out
  }

  #restart(): void {
    if (!this.#pc || this.#offering) return;
    this.#pc.restartIce();
    this.#offer();
  }

  #turned(pc: RTCPeerConnection): void {
    if (pc !== this.#pc) return;
    clearTimeout(this.#blink);
    switch (pc.connectionState) {
      case "connected":
        clearTimeout(this.#heal);
        this.need(this.#need);
        this.#to("up");
        break;
      case "disconnected":
        this.#blink = setTimeout(() => this.#broken(), BLINK_MS);
        break;
      case "failed":
        this.#broken();
        break;
    }
  }

  #broken(): void {
    this.#to("broken");
    if (this.#socket) this.#restart(); // else socketUp looks after it
  }

  #healSoon(ms: number): void {
    clearTimeout(this.#heal);
    this.#heal = setTimeout(() => {
      if (this.#pc?.connectionState === "connected" && !this.#offering) return;
      if (this.#socket && this.#pc) this.open();
    }, ms);
  }

  #close(): void {
    clearTimeout(this.#blink);
    clearTimeout(this.#heal);
    this.#offering = this.#again = false;
    this.#senders = {};
    this.#need = { camera: 0, screen: 0 };
    const pc = this.#pc;
    this.#pc = undefined;
    if (!pc) return;
    pc.onconnectionstatechange = null;
    pc.close();
  }

  #to(at: LineAt): void {
    this.at = at;
    this.#o.changed();
  }
}

/** Layers from the smallest; an encoder that works for nobody costs a phone its battery and its line its pictures. */
async function activate(s: RTCRtpSender, layers: number): Promise<void> {
  const p = s.getParameters();
  if (!p.encodings?.length) return;
  const wanted = p.encodings.map((_, i) => layers === 0 || i < layers);
  if (p.encodings.every((e, i) => (e.active ?? true) === wanted[i])) return;
  p.encodings.forEach((e, i) => {
    e.active = wanted[i] ?? true;
  });
  await s.setParameters(p);
}

/** Opus and VP8 only: every browser has them, and offers stay small. */
function prefer(t: RTCRtpTransceiver, media: "audio" | "video"): void {
  const wanted = media === "audio" ? "audio/opus" : "video/vp8";
  const codecs = RTCRtpReceiver.getCapabilities?.(media)?.codecs.filter((c) => c.mimeType.toLowerCase() === wanted);
  if (codecs?.length) t.setCodecPreferences?.(codecs);
}
