// The page's view of a meeting: where it is, who is there, what is shown, and what can be done. Components read its
// signals and call its methods.
//
//   connecting → green → lobby → in → over
//                  ↘ (agents) ↗

import { signal } from "@preact/signals";
import type { MicTrouble } from "../shared/call";
import { type Counted, counted, type Quality, quality } from "../shared/call-quality";
import type {
  ICEServer,
  MeetChat,
  MeetClientFrame,
  MeetGuest,
  MeetPeer,
  MeetPlace,
  MeetRoom,
  MeetServerFrame,
  MeetSlot,
  MeetWelcome,
} from "../shared/protocol";
import { VERSION } from "../shared/protocol";
import { allowed, type DeviceKind, Devices } from "./devices";
import type { Box, Tile } from "./layout";
import { type LineAt, MeetLine } from "./line";
import { MeetSocket, type Refusal, type Wire } from "./socket";

/** How high a picture is drawn: a screen fits into its tile, a face fills it. */
function pixels(b: Box): number {
  const wide = (b.w * 9) / 16;
  return b.kind === "screen" ? Math.min(b.h, wide) : Math.max(b.h, wide);
}

/** How often it is looked who speaks, and how good the line is. */
const LOOK_MS = 500;
/** Louder than this is speaking. */
const SPEAKS = 0.02;
const NOTICE_MS = 6000;

/** Who is there; the lobby is told to agents only. */
export type Room = Omit<MeetRoom, "people" | "lobby"> & { people: MeetPeer[]; lobby: MeetGuest[] };

/** It is recorded, or will be at once. */
function records({ recording: r }: Pick<MeetRoom, "recording">): boolean {
  return r?.state === "on" || r?.state === "notice";
}

export type At = "connecting" | "green" | "lobby" | "in" | "over" | Refusal;

export type Panel = "" | "chat" | "people";

/** What a notice says: a word of the texts, and a name in it. */
export interface Notice {
  say: "mutedBy" | "speakMuted" | "failed" | "notRecorded";
  name: string;
}

export interface MeetingOptions {
  open(): Wire;
  peer(relays: ICEServer[]): RTCPeerConnection;
  link: string;
  host: boolean;
  /** What the page speaks now: a notice is played in it. */
  language(): string;
  /** Where the seat is kept, so that a reload leads back. */
  shelf: { get(): string; set(seat: string): void };
}

export class Meeting {
  readonly at = signal<At>("connecting");
  /** Why it is over, or why this page did not get in. */
  readonly why = signal("");
  readonly welcome = signal<MeetWelcome | undefined>(undefined);
  readonly room = signal<Room>({ people: [], lobby: [], locked: false, since: "" });
  readonly chat = signal<MeetChat[]>([]);
  readonly unread = signal(0);
  readonly panel = signal<Panel>("");
  readonly you = signal("");
  readonly online = signal(false);
  readonly joining = signal(false);
  readonly notice = signal<Notice | undefined>(undefined);
  readonly speaking = signal<ReadonlySet<string>>(new Set());
  readonly quality = signal<Quality | undefined>(undefined);
  /** Grows whenever devices, tracks or the line have changed. */
  readonly changes = signal(0);
  /** What is wanted, whether or not it can be had. */
  readonly wants = signal({ mic: true, cam: true });
  readonly devices: Devices;
  readonly line: MeetLine;
  host: boolean;
  /** A person joined at least once on this page. */
  joined = false;

  readonly #o: MeetingOptions;
  readonly #socket: MeetSocket;
  #slots: MeetSlot[] = [];
  #rev = 0;
  #tiles: Box[] = [];
  #told = "";
  #look: ReturnType<typeof setInterval> | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #before: Counted | undefined;
  #named = "";
  #ids = 0;

  constructor(o: MeetingOptions) {
    this.#o = o;
    this.host = o.host;
    this.devices = new Devices(() => this.#devicesChanged());
    this.line = new MeetLine({
      peer: o.peer,
      offer: (line, sdp) => this.#send({ t: "offer", line, sdp }),
      changed: () => this.changes.value++,
    });
    this.#socket = new MeetSocket({
      open: o.open,
      hello: () => ({
        t: "hello",
        version: VERSION,
        link: o.link,
        seat: o.shelf.get(),
        host: this.host,
        language: o.language(),
      }),
      frame: (f) => this.#frame(f),
      lost: () => this.#lost(),
      refused: (why) => this.#over(why, ""),
    });
  }

  start(): void {
    this.#socket.start();
    this.#preview();
  }

  /** Shows oneself, where the browser need not ask. */
  #preview(): void {
    void allowed().then((ok) => {
      if (ok && this.at.value !== "over") void this.devices.take(this.wants.value);
    });
  }

  dispose(): void {
    this.#socket.stop();
    this.#media(false);
  }

  /** The browser says that the network is another, or that the page is looked at again. */
  nudge(): void {
    this.#socket.nudge();
    this.line.network();
  }

  /** Joins as a guest where nobody is signed in. */
  asGuest(): void {
    this.host = false;
    this.at.value = "connecting";
    this.#socket.start();
  }

  async join(name: string): Promise<void> {
    if (this.joining.value) return;
    this.joining.value = true;
    this.#named = name;
    await this.devices.take(this.wants.value);
    if (!this.#send({ t: "join", name })) this.joining.value = false;
  }

  leave(): void {
    this.#send({ t: "leave" });
    if (!this.online.value) this.#over("over", "left");
  }

  async toggleMic(): Promise<void> {
    const on = !this.micOn;
    this.wants.value = { ...this.wants.value, mic: on };
    if (on) await this.devices.take({ mic: true, cam: false });
    this.#devicesChanged();
  }

  async toggleCam(): Promise<void> {
    const on = !this.devices.cam;
    this.wants.value = { ...this.wants.value, cam: on };
    if (on) await this.devices.take({ mic: false, cam: true });
    else this.devices.dark();
    this.#devicesChanged();
  }

  async toggleShare(): Promise<void> {
    if (this.devices.screen) this.devices.unshare();
    else if (!(await this.devices.share(() => this.#devicesChanged()))) return;
    this.#devicesChanged();
  }

  get micOn(): boolean {
    return this.wants.value.mic && this.mic !== undefined;
  }

  // What components show of devices and line: who asks is drawn again when it changes.

  get mic(): MediaStreamTrack | undefined {
    return this.#fresh(this.devices).mic;
  }

  get cam(): MediaStreamTrack | undefined {
    return this.#fresh(this.devices).cam;
  }

  get screen(): MediaStreamTrack | undefined {
    return this.#fresh(this.devices).screen;
  }

  get trouble(): MicTrouble | undefined {
    return this.#fresh(this.devices).trouble;
  }

  /** The devices of a kind that can be chosen, and the one that is. */
  choices(kind: DeviceKind): { list: MediaDeviceInfo[]; chosen: string } {
    const { list, chosen } = this.#fresh(this.devices);
    return { list: list.filter((d) => d.kind === kind && d.deviceId), chosen: chosen[kind] ?? "" };
  }

  get lineAt(): LineAt {
    return this.#fresh(this.line).at;
  }

  #fresh<T>(of: T): T {
    this.changes.value;
    return of;
  }

  say(text: string): void {
    this.#send({ t: "say", id: this.#id(), text });
  }

  do(what: string, peer = ""): void {
    this.#send({ t: "do", id: this.#id(), do: what, peer });
  }

  /** A guest's answer to whether what they say may be recorded. */
  consent(agreed: boolean): void {
    this.#send({ t: "consent", id: this.#id(), agreed, language: this.#o.language() });
  }

  open(panel: Panel): void {
    this.panel.value = this.panel.value === panel ? "" : panel;
    if (this.panel.value === "chat") this.unread.value = 0;
  }

  /** The tiles as they are drawn: the gateway sends what they have use for. */
  shown(boxes: Box[]): void {
    this.#tiles = boxes;
    this.#want();
  }

  /** What is to be shown on a tile; undefined: nothing yet. */
  track(tile: Tile): MediaStreamTrack | undefined {
    if (tile.peer === this.you.value) return tile.kind === "screen" ? this.screen : this.cam;
    const slot = this.#fresh(this.#slots).find((s) => s.peer === tile.peer && s.kind === tile.kind);
    return slot && this.line.track(slot.mid);
  }

  /** The voices that are to be heard, by place. */
  voices(): { mid: string; track: MediaStreamTrack }[] {
    return this.#fresh(this.#slots).flatMap((s) => {
      const track = s.kind === "audio" ? this.line.track(s.mid) : undefined;
      return track ? [{ mid: s.mid, track }] : [];
    });
  }

  #id(): string {
    return `${Date.now().toString(36)}-${this.#ids++}`;
  }

  #send(f: MeetClientFrame): boolean {
    return this.#socket.send(f);
  }

  #lost(): void {
    this.online.value = this.joining.value = false;
    this.line.socketDown();
  }

  #frame(f: MeetServerFrame): void {
    switch (f.t) {
      case "welcome":
        this.welcome.value = f;
        this.online.value = true;
        break;
      case "place":
        this.#place(f);
        break;
      case "room":
        if (records(this.room.value) && !records(f)) this.#say({ say: "notRecorded", name: "" });
        this.room.value = { ...f, people: f.people ?? [], lobby: f.lobby ?? [] };
        this.line.room(this.room.value.people.length - 1);
        break;
      case "slots":
        if (f.rev <= this.#rev) break;
        this.#rev = f.rev;
        this.#slots = f.slots ?? [];
        this.line.need({ camera: f.camera ?? 0, screen: f.screen ?? 0 });
        this.changes.value++;
        break;
      case "answer":
        this.line.answered(f.line, f.sdp ?? "", f.failure, f.ice ?? []);
        break;
      case "chat":
        this.#chat(f);
        break;
      case "muted":
        this.wants.value = { ...this.wants.value, mic: false };
        this.#devicesChanged();
        this.#say({ say: "mutedBy", name: f.by });
        break;
      case "ack":
        if (!f.failure) break;
        if (this.joining.value) this.why.value = f.failure.kind === "too_many" ? "tooMany" : "failed";
        else this.#say({ say: "failed", name: "" });
        this.joining.value = false;
        break;
    }
  }

  #place(p: MeetPlace): void {
    const before = this.at.value;
    this.joining.value = false;
    if (p.seat) this.#o.shelf.set(p.seat);
    if (p.you) this.you.value = p.you;
    switch (p.at) {
      case "in":
        this.at.value = "in";
        this.joined = true;
        this.#rev = 0;
        this.#enter(p.line ?? 0);
        break;
      case "lobby":
        this.at.value = "lobby";
        this.joined = true;
        break;
      case "over":
        this.#over("over", p.why ?? "");
        break;
      case "green":
        // What this page was in is over; it did not hear of it.
        if (before === "in" || before === "lobby") this.#over("over", "ended");
        else this.at.value = "green";
        this.why.value = p.why ?? this.why.value;
    }
  }

  #enter(known: number): void {
    this.why.value = "";
    this.#told = "";
    void this.devices.take(this.wants.value).then(() => this.#devicesChanged());
    this.#devicesChanged();
    this.line.socketUp(known);
    this.#want();
    this.#look ??= setInterval(() => void this.#lookAround(), LOOK_MS);
  }

  #over(at: At, why: string): void {
    if (at === "over" && why !== "replaced") this.#o.shelf.set("");
    this.at.value = at;
    this.why.value = why;
    this.panel.value = "";
    this.#media(false);
    if (at !== "over" || why === "replaced") this.#socket.stop();
  }

  /** After it is over the page may come again; the socket stays. */
  again(): void {
    this.why.value = "";
    this.chat.value = [];
    this.wants.value = { mic: true, cam: true };
    this.at.value = "connecting";
    this.#socket.start();
    this.#preview();
  }

  #media(on: boolean): void {
    if (on) return;
    clearInterval(this.#look);
    this.#look = undefined;
    this.line.close();
    this.devices.stop();
    this.#slots = [];
    this.#told = "";
    this.changes.value++;
  }

  /** What is sent is what is wanted and can be had. */
  #devicesChanged(): void {
    const { mic, cam, screen } = this.devices;
    if (mic) mic.enabled = this.wants.value.mic;
    this.line.send("audio", mic ?? null);
    this.line.send("camera", cam ?? null);
    this.line.send("screen", screen ?? null);
    this.changes.value++;
    if (this.at.value !== "in") return;
    const media = { audio: this.micOn, video: cam !== undefined, screen: screen !== undefined };
    const told = JSON.stringify(media);
    if (told !== this.#told && this.#send({ t: "media", ...media })) this.#told = told;
  }

  #want(): void {
    if (this.at.value !== "in") return;
    const dense = Math.min(2, globalThis.devicePixelRatio || 1);
    const tiles = this.#tiles
      .filter((b) => b.peer !== this.you.value)
      .map((b) => ({ peer: b.peer, kind: b.kind, height: Math.round(pixels(b) * dense) }));
    this.#send({ t: "want", tiles });
  }

  #chat(line: MeetChat): void {
    if (this.chat.value.some((c) => c.id === line.id)) return;
    this.chat.value = [...this.chat.value, line];
    if (this.panel.value !== "chat" && line.from !== this.you.value) this.unread.value++;
  }

  #say(notice: Notice): void {
    this.notice.value = notice;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.notice.value = undefined;
    }, NOTICE_MS);
  }

  /** Who speaks, and how good the line is. */
  async #lookAround(): Promise<void> {
    const pc = this.line.peer;
    if (!pc) return;
    const report = (await pc.getStats()) as unknown as Iterable<[string, Record<string, unknown>]>;
    if (pc !== this.line.peer) return;
    const peers = new Map(this.#slots.filter((s) => s.kind === "audio").map((s) => [s.mid, s.peer]));
    const loud = new Set<string>();
    for (const [, s] of report) {
      const level = typeof s.audioLevel === "number" ? s.audioLevel : 0;
      if (level < SPEAKS) continue;
      if (s.type === "inbound-rtp") loud.add(peers.get(String(s.mid)) ?? "");
      if (s.type === "media-source" && this.micOn) loud.add(this.you.value);
    }
    loud.delete("");
    const before = this.speaking.value;
    if (loud.size !== before.size || [...loud].some((p) => !before.has(p))) this.speaking.value = loud;
    const now = counted([...report].filter(([, s]) => s.type !== "inbound-rtp" || s.kind === "audio"));
    if (now && this.#before) this.quality.value = quality(this.#before, now);
    this.#before = now;
  }

  /** The name under which this page joined last. */
  get named(): string {
    return this.#named;
  }
}
