// One line of a call: this page's microphone and loudspeaker, joined to the gateway by one PeerConnection at a
// time. Widget, Talk page and console each have one; what a call means to people is theirs.
//
//   idle → asking → joining → connected ⇄ interrupted → over
//                                  ↘ elsewhere (another tab or device took the call; dial takes it back)
//
// The browser offers, the gateway answers; nothing is trickled. The first try is direct, over UDP or TCP; when no
// path has been found soon after the answer, the next goes by the relays (TURN) that came with it, and may still
// find a direct one. A line heals by itself: an ICE restart when only
// the network changed, a new PeerConnection when that does not help or when the socket came back, because then
// the gateway may be another process. The microphone is kept meanwhile, so that nobody has to click. What has
// not healed after GIVE_UP_MS is given up.
//
// Who uses it tells it: socketUp and socketDown, told (which call the gateway knows of), answered (what came back
// for an offer), network (the browser says that the network is another). A line can be dialled again when over.

import type { CallID, Failure, ICEServer } from "./protocol";

/** Disconnected for this long, and it is more than a blink. */
export const BLINK_MS = 1500;
/** No path for this long after the answer, and the relays are taken as well. */
export const RELAY_AFTER_MS = 1500;
/** Credentials of relays are good for ten minutes. */
const RELAYS_GOOD_MS = 9 * 60_000;
/** An attempt that has not connected after this is replaced by a new PeerConnection. */
export const HEAL_MS = 5000;
/** Given up, since the line was last connected. */
export const GIVE_UP_MS = 60_000;
/** The gateway has closed the line; after this it is clear that neither the call nor the gateway ended. */
export const TAKEN_MS = 2000;

/** Why there is no microphone. denied: by a person; blocked: by the website's policy; busy: another program has
 * it; insecure: the page has no TLS; unsupported: the browser, often one inside an app, has none to give. */
export type MicTrouble = "denied" | "blocked" | "missing" | "busy" | "insecure" | "unsupported";

/** What the microphone does in a call. paused: the system took it for now, as phones do; lost: it is gone. */
export type Mic = "on" | "paused" | "lost";

/** How a line ended. */
export type LineEnd =
  | { why: "hung-up" } // here
  | { why: "ended" } // the call is over
  | { why: "refused"; failure: Failure }
  | { why: "unreachable" } // given up
  | { why: "microphone"; trouble: MicTrouble };

interface Held {
  call: CallID;
  muted: boolean;
  mic: Mic;
}

export type LineState =
  | { at: "idle" }
  | { at: "asking"; call: CallID } // the browser asks for the microphone
  | ({ at: "joining" } & Held)
  | ({ at: "connected" } & Held)
  | ({ at: "interrupted"; since: number } & Held) // since: Date.now() of the last good moment
  | { at: "elsewhere"; call: CallID }
  | { at: "over"; call: CallID; end: LineEnd };

export interface LineOffer {
  call: CallID;
  sdp: string;
  restart: boolean;
}

export interface LineAnswer {
  call: CallID;
  sdp?: string;
  ice?: ICEServer[];
  failure?: Failure;
}

export interface LineOptions {
  /** Asks for the microphone; rejects as getUserMedia does. */
  microphone(): Promise<MediaStream>;
  /** Says what a rejection means. */
  trouble(error: unknown): MicTrouble;
  /** relays are empty for a direct connection. */
  peer(relays: ICEServer[]): RTCPeerConnection;
  /** Hands an offer to the gateway, which ends in answered; false: there is no socket, it is offered later. */
  offer(o: LineOffer): boolean;
  /** Tells the gateway that the call is over; false: there is no socket, it is told later. */
  hangup(call: CallID): boolean;
  /** What is to be heard; null: nothing any more. */
  play(sound: MediaStream | null): void;
  changed(state: LineState): void;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

/** The part of a line that exists only while it has the microphone. */
interface Live {
  call: CallID;
  stream: MediaStream;
  track: MediaStreamTrack;
  muted: boolean;
  mic: Mic;
}

export class CallLine {
  #state: LineState = { at: "idle" };
  #live: Live | undefined;
  #pc: RTCPeerConnection | undefined;
  /** The offer on its way is an ICE restart. */
  #restarting = false;
  /** The socket is there and the gateway has said what is true. */
  #up = true;
  /** The call of which the gateway spoke last: when it speaks of it no more, that call is over. */
  #told: CallID = "";
  /** Grows with each dial and end, so that a late microphone finds that nobody waits for it. */
  #turn = 0;
  /** Hung up while the gateway could not hear it. */
  #unsaid: CallID = "";
  /** The relays of the last answer. */
  #relays = { servers: [] as ICEServer[], at: 0 };
  /** This network needs relays. */
  #walled = false;
  /** The connection of this moment has relays. */
  #relayed = false;
  #detour: Timer;
  #blink: Timer;
  #heal: Timer;
  #giveUp: Timer;
  #taken: Timer;

  readonly #o: LineOptions;

  constructor(o: LineOptions) {
    this.#o = o;
  }

  get state(): LineState {
    return this.#state;
  }

  /** The line is in use: the microphone is asked for or taken. */
  get busy(): boolean {
    return this.#live !== undefined || this.#state.at === "asking";
  }

  /** The PeerConnection of this moment, for statistics. */
  get peer(): RTCPeerConnection | undefined {
    return this.#pc;
  }

  /** The connection tries, or uses, relays: the direct ways were closed. */
  get relayed(): boolean {
    return this.#relayed;
  }

  /** The microphone's sound, for a meter. */
  get stream(): MediaStream | undefined {
    return this.#live?.stream;
  }

  /** Begins a call with a new id, answers one, or joins one that is under way. To be called in a click. */
  dial(call: CallID): void {
    if (this.busy) return;
    const turn = ++this.#turn;
    this.#to({ at: "asking", call });
    this.#o.microphone().then(
      (stream) => {
        if (turn === this.#turn) this.#join(call, stream);
        else stopAll(stream);
      },
      (error: unknown) => {
        if (turn === this.#turn) this.#end({ why: "microphone", trouble: this.#o.trouble(error) });
      },
    );
  }

  /** Ends the call, or declines one that rings. */
  hangup(): void {
    const s = this.#state;
    if (s.at === "idle" || s.at === "over") return;
    const known = this.#live || s.call === this.#told;
    if (known && !this.#o.hangup(s.call)) this.#unsaid = s.call;
    this.#end({ why: "hung-up" });
  }

  mute(muted: boolean): void {
    const live = this.#live;
    if (!live) return;
    live.muted = muted;
    live.track.enabled = !muted;
    this.#show();
  }

  /** Takes another microphone into the call, or tries again to get one that was lost. */
  async changeMicrophone(): Promise<void> {
    const live = this.#live;
    if (!live) return;
    try {
      const stream = await this.#o.microphone();
      if (live !== this.#live) return stopAll(stream);
      stopAll(live.stream);
      this.#use(live, stream);
      await this.#pc?.getSenders()[0]?.replaceTrack(live.track);
    } catch {
      if (live === this.#live) live.mic = live.track.readyState === "ended" ? "lost" : live.mic;
    }
    this.#show();
  }

  /** The socket is there, and the gateway has said which call this page or agent has; "" none. Also when it says
   * that it has the call at another place now. */
  socketUp(call: CallID): void {
    this.#up = true;
    if (this.#unsaid) {
      if (call === this.#unsaid) this.#o.hangup(call);
      this.#unsaid = "";
    }
    this.told(call);
    if (this.#live) this.#open();
  }

  socketDown(): void {
    this.#up = false;
    clearTimeout(this.#taken);
  }

  /** The gateway says which call there is; "" none. Also when nothing has changed. */
  told(call: CallID): void {
    const before = this.#told;
    this.#told = call;
    const s = this.#state;
    if ("call" in s && s.at !== "over" && s.call === before && s.call !== call) this.#end({ why: "ended" });
  }

  answered(a: LineAnswer): void {
    const pc = this.#pc;
    if (a.call !== this.#live?.call || pc?.signalingState !== "have-local-offer") return; // of an older connection
    if (a.failure) {
      this.#refused(a.failure);
      return;
    }
    if (a.ice) this.#relays = { servers: a.ice, at: Date.now() };
    this.#detourLater(pc);
    pc.setRemoteDescription({ type: "answer", sdp: a.sdp ?? "" }).catch(() => {}); // the attempt runs out
  }

  /** The browser says that the network has changed or is back. */
  network(): void {
    if (this.#live && this.#up && this.#pc?.signalingState === "stable") this.#restart();
  }

  /** Ends everything without a word to the gateway: the page goes away. */
  dispose(): void {
    this.#clear();
    this.#to({ at: "idle" });
  }

  #join(call: CallID, stream: MediaStream): void {
    const track = stream.getAudioTracks()[0];
    if (!track) {
      stopAll(stream);
      this.#end({ why: "microphone", trouble: "missing" });
      return;
    }
    this.#live = { call, stream, track, muted: false, mic: "on" };
    this.#walled = false;
    this.#relays = { servers: [], at: 0 };
    this.#use(this.#live, stream);
    this.#to({ at: "joining", call, muted: false, mic: "on" });
    this.#giveUpLater();
    this.#open();
  }

  /** Makes this stream the line's microphone, and hears what becomes of it. */
  #use(live: Live, stream: MediaStream): void {
    const track = stream.getAudioTracks()[0];
    if (!track) return;
    Object.assign(live, { stream, track, mic: track.muted ? "paused" : "on" });
    track.enabled = !live.muted;
    const becomes = (mic: Mic) => () => {
      if (this.#live?.track !== track) return;
      this.#live.mic = mic;
      this.#show();
      if (mic === "lost") void this.changeMicrophone(); // another one may be there
    };
    track.onended = becomes("lost");
    track.onmute = becomes("paused");
    track.onunmute = becomes("on");
  }

  /** Begins a new PeerConnection and drops the one before. */
  #open(): void {
    const live = this.#live;
    if (!live) return;
    if (this.#state.at === "connected") this.#interrupted();
    this.#close();
    const { servers, at } = this.#relays;
    const relays = this.#walled && Date.now() - at < RELAYS_GOOD_MS ? servers : [];
    this.#relayed = relays.length > 0;
    const pc = this.#o.peer(relays);
    this.#pc = pc;
    pc.ontrack = (e) => this.#o.play(e.streams[0] ?? new MediaStream([e.track]));
    pc.onconnectionstatechange = () => this.#turned(pc);
    pc.addTrack(live.track, live.stream);
    this.#restarting = false;
    this.#offer(pc, live.call).catch(() => {}); // the attempt runs out
  }

  async #offer(pc: RTCPeerConnection, call: CallID): Promise<void> {
    this.#healLater();
    const offer = await pc.createOffer();
    await pc.setLocalDescription(offer);
    if (pc === this.#pc && this.#up) this.#o.offer({ call, sdp: offer.sdp ?? "", restart: this.#restarting });
  }

  #restart(): void {
    const pc = this.#pc;
    const live = this.#live;
    if (!pc || !live) return;
    clearTimeout(this.#blink);
    this.#restarting = true;
    pc.restartIce();
    this.#offer(pc, live.call).catch(() => {}); // the attempt runs out
  }

  #turned(pc: RTCPeerConnection): void {
    if (pc !== this.#pc) return;
    clearTimeout(this.#blink);
    switch (pc.connectionState) {
      case "connected":
        this.#connected(pc);
        break;
      case "disconnected":
        this.#blink = setTimeout(() => this.#broken(), BLINK_MS);
        break;
      case "failed":
        this.#broken();
        break;
    }
  }

  #connected(pc: RTCPeerConnection): void {
    const live = this.#live;
    if (!live) return;
    clearTimeout(this.#detour);
    clearTimeout(this.#heal);
    clearTimeout(this.#giveUp);
    // That the gateway has closed a line shows in DTLS at once, long before silence does.
    const dtls = pc.getSenders()[0]?.transport;
    if (dtls) dtls.onstatechange = () => dtls.state === "closed" && pc === this.#pc && this.#cut();
    const { call, muted, mic } = live;
    this.#to({ at: "connected", call, muted, mic });
  }

  #broken(): void {
    this.#interrupted();
    if (this.#up) this.#restart(); // else socketUp makes a new one
  }

  /** The gateway has closed this line on purpose: the call is over, the gateway stops, or another page has it. */
  #cut(): void {
    this.#interrupted();
    clearTimeout(this.#taken);
    if (this.#up) this.#taken = setTimeout(() => this.#elsewhere(), TAKEN_MS);
  }

  #elsewhere(): void {
    const call = this.#live?.call;
    if (!call) return;
    if (call === this.#told) {
      this.#clear();
      this.#to({ at: "elsewhere", call });
    } else this.#end({ why: "ended" }); // it never became one
  }

  #refused(failure: Failure): void {
    const restarting = this.#restarting;
    switch (failure.kind) {
      case "not_found":
        if (restarting) this.#open();
        else this.#end({ why: "ended" });
        break;
      case "conflict":
        if (restarting) this.#elsewhere();
        else this.#end({ why: "refused", failure });
        break;
      case "unavailable":
      case "internal":
        break; // the attempt runs out and another begins
      default:
        this.#end({ why: "refused", failure });
    }
  }

  #interrupted(): void {
    const live = this.#live;
    if (!live || this.#state.at !== "connected") return;
    const { call, muted, mic } = live;
    this.#to({ at: "interrupted", call, muted, mic, since: Date.now() });
    this.#giveUpLater();
  }

  /** Takes the relays when no path is found: they are new to this connection, or this network is. */
  #detourLater(pc: RTCPeerConnection): void {
    clearTimeout(this.#detour);
    if (this.#relays.servers.length === 0 || (this.#relayed && !this.#restarting)) return;
    this.#detour = setTimeout(() => {
      // Connected or completed: a path is found, and DTLS is under way.
      if (pc !== this.#pc || /^co/.test(pc.iceConnectionState) || !this.#up) return;
      this.#walled = true;
      this.#open();
    }, RELAY_AFTER_MS);
  }

  #healLater(): void {
    clearTimeout(this.#heal);
    this.#heal = setTimeout(() => {
      // A restart on a line that was never broken ends without an event.
      if (this.#pc?.connectionState === "connected") this.#connected(this.#pc);
      else if (this.#up) this.#open();
    }, HEAL_MS);
  }

  #giveUpLater(): void {
    clearTimeout(this.#giveUp);
    this.#giveUp = setTimeout(() => this.#end({ why: "unreachable" }), GIVE_UP_MS);
  }

  /** Says again what has changed of the microphone. */
  #show(): void {
    const s = this.#state;
    const live = this.#live;
    if (live && "mic" in s) this.#to({ ...s, muted: live.muted, mic: live.mic });
  }

  #end(end: LineEnd): void {
    const call = "call" in this.#state ? this.#state.call : "";
    this.#clear();
    this.#to({ at: "over", call, end });
  }

  #clear(): void {
    this.#turn++;
    this.#close();
    for (const timer of [this.#giveUp, this.#taken]) clearTimeout(timer);
    if (this.#live) stopAll(this.#live.stream);
    this.#live = undefined;
    this.#o.play(null);
  }

  #close(): void {
    for (const timer of [this.#blink, this.#detour, this.#heal, this.#taken]) clearTimeout(timer);
    const pc = this.#pc;
    this.#pc = undefined;
    if (!pc) return;
    pc.ontrack = pc.onconnectionstatechange = null;
    pc.close();
  }

  #to(state: LineState): void {
    this.#state = state;
    this.#o.changed(state);
  }
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = track.onmute = track.onunmute = null;
    track.stop();
  }
}

/** An id for a new call: 128 random bits. */
export function newCallID(): CallID {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
