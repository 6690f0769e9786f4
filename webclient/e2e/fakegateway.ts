// A gateway of which only the visitor's socket exists, for pages whose gateway would have to be brought into a
// certain state. The far end of a call is a PeerConnection in the page itself.

import type { Page, WebSocketRoute } from "@playwright/test";
import type { Item, Link, Status, VisitorCall, VisitorClientFrame, VisitorServerFrame } from "../src/shared/protocol";

const quiet: Status = { state: "none", staffed: true, open: true, estimate_ms: 20_000, calls: true };

export class FakeGateway {
  readonly heard: VisitorClientFrame[] = [];
  /** Undefined on a website. */
  link: Link | undefined = {
    name: "Henrik Kolbe",
    subject: "Cold chain delivery 48 211",
    to: "Disposition",
    expires: new Date(Date.now() + 72 * 3600e3).toISOString(),
  };
  status: Status = quiet;
  items: Item[] = [];
  /** Close code in place of a welcome. */
  refuses = 0;
  private socket: WebSocketRoute | undefined;

  private constructor(private readonly page: Page) {}

  static async of(page: Page): Promise<FakeGateway> {
    const g = new FakeGateway(page);
    await page.addInitScript(farEnd);
    await page.routeWebSocket(/\/ws\/visitor$/, (ws) => {
      g.socket = ws;
      ws.onMessage((data) => g.take(JSON.parse(String(data)) as VisitorClientFrame));
    });
    return g;
  }

  say(f: VisitorServerFrame): void {
    this.socket?.send(JSON.stringify(f));
  }

  /** Says what is true from now on. */
  tell(set: Partial<Status>): void {
    this.status = { ...this.status, ...set };
    this.say({ t: "status", status: this.status });
  }

  over(): void {
    delete this.status.call;
    this.tell({});
  }

  /** The call that the page has offered goes on. */
  call(set: Partial<VisitorCall>): void {
    const offer = this.of("call.offer").at(-1);
    const id = this.status.call?.id ?? offer?.call ?? "";
    this.tell({ call: { state: "waiting", since: new Date().toISOString(), ...this.status.call, id, ...set } });
  }

  item(set: Partial<Item>): void {
    const position = this.items.length + 1;
    const item: Item = {
      ...{ position, rev: position, id: `item-${position}`, conversation: "c", time: new Date().toISOString() },
      ...{ kind: "message", direction: "outbound", from: { kind: "agent", name: "Jana Brandt" }, text: "" },
      attachments: [],
      ...set,
    };
    this.items.push(item);
    this.say({ t: "item", item });
  }

  /** The network is gone, for the socket. */
  async drop(): Promise<void> {
    await this.socket?.close({ code: 4009 });
  }

  of<T extends VisitorClientFrame["t"]>(t: T): Extract<VisitorClientFrame, { t: T }>[] {
    return this.heard.filter((f): f is Extract<VisitorClientFrame, { t: T }> => f.t === t);
  }

  private take(f: VisitorClientFrame): void {
    this.heard.push(f);
    switch (f.t) {
      case "hello":
        this.welcome();
        break;
      case "ping":
        this.say({ t: "pong" });
        break;
      case "message":
        this.say({ t: "ack", client_id: f.client_id });
        this.item({ direction: "inbound", from: { kind: "customer" }, text: f.text, client_id: f.client_id });
        break;
      case "call.offer":
        void this.page
          .evaluate((sdp) => (window as unknown as FarEnd).answer(sdp), f.sdp)
          .then((sdp) => this.say({ t: "call.answer", call: f.call, sdp }))
          .catch(() => {}); // the page has gone
        break;
      case "call.hangup":
        this.over();
    }
  }

  private welcome(): void {
    if (this.refuses) {
      void this.socket?.close({ code: this.refuses });
      return;
    }
    const company = { name: "Nordwind Logistik", language: "de", color: "#123a5a" };
    const head = this.items.length;
    const server_now = new Date().toISOString();
    const link = this.link ? { link: this.link } : {};
    this.say({ t: "welcome", version: 1, token: "t", company, ...link, status: this.status, head, server_now });
    for (const item of this.items) this.say({ t: "item", item });
    this.say({ t: "ready", head });
  }
}

interface FarEnd {
  answer(sdp: string): Promise<string>;
  /** Closes the far end of the last line. */
  cut(): void;
}

/** Runs in the page: answers with all candidates, and sounds. */
function farEnd(): void {
  let last: RTCPeerConnection | undefined;
  const end: FarEnd = {
    async answer(sdp) {
      const pc = new RTCPeerConnection();
      last = pc;
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const out = audio.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      for (const track of out.stream.getTracks()) pc.addTrack(track, out.stream);
      await pc.setRemoteDescription({ type: "offer", sdp });
      await pc.setLocalDescription(await pc.createAnswer());
      while (pc.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 10));
      return pc.localDescription?.sdp ?? "";
    },
    cut: () => last?.close(),
  };
  Object.assign(window, end);
}
