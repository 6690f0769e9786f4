// A console against a gateway of the test's own making: frames go in, commands come out. For what is hard to
// bring about with a real one, and for pictures.

import type { Browser, Page, WebSocketRoute } from "@playwright/test";
import type {
  Agent,
  Call,
  Command,
  ConsoleServerFrame,
  ConsoleWelcome,
  Conversation,
  Emergency,
  Item,
} from "../src/shared/protocol";
import { person } from "./people";

const agents: Agent[] = [
  { id: "jana", name: "Jana Brandt", presence: "ready" },
  { id: "faris", name: "Faris Rahmani", presence: "busy" },
  { id: "lena", name: "Lena Krüger", presence: "ready" },
].map((a) => ({ ...a, role: "admin", queues: ["main"], active: 0, text_capacity: 4, call_capacity: 1 }) as Agent);

const quiet: Emergency = { on: false, since: null, by: "", why: "", text: null };

export class FakeGateway {
  readonly commands: Command[] = [];
  conversations: Conversation[] = [];
  items: Item[] = [];
  emergency: Emergency = quiet;
  /** Answers REST: [method, path] to status and body. */
  rest: (method: string, path: string, body: unknown) => [number, unknown] = () => [404, { detail: "no" }];
  /** Does what a command wants and says how it went. */
  does: (c: Command) => Promise<Record<string, unknown>> | Record<string, unknown> = () => ({});
  private sockets: WebSocketRoute[] = [];
  private position = 1;

  constructor(private readonly url: string) {}

  /** Opens a console of jana's in a context of its own, or as one more tab. */
  async open(browser: Browser, options: Parameters<typeof person>[1] = {}): Promise<Page> {
    const { page } = await person(browser, options);
    await this.join(page);
    return page;
  }

  async join(page: Page): Promise<void> {
    await page.route("**/api/v1/**", async (route) => {
      const request = route.request();
      const path = new URL(request.url()).pathname.replace("/api/v1", "");
      const [status, json] = this.answer(request.method(), path, request.postDataJSON());
      await route.fulfill({ status, json });
    });
    await page.routeWebSocket("**/ws/console", (socket) => {
      this.sockets.push(socket);
      socket.onClose(() => (this.sockets = this.sockets.filter((s) => s !== socket)));
      socket.onMessage((raw) => {
        this.hear(socket, JSON.parse(String(raw))).catch((error: unknown) => {
          if (!page.isClosed()) throw error; // else the test is over, and nobody waits for the answer
        });
      });
    });
    await page.goto(this.url);
  }

  /** Tells every console. */
  tell(f: ConsoleServerFrame): void {
    for (const s of this.sockets) s.send(JSON.stringify(f));
  }

  /** A conversation is as given now. */
  update(c: Conversation, item?: Item): void {
    c.rev = ++this.position;
    this.conversations = [...this.conversations.filter((x) => x.id !== c.id), c];
    if (item) this.items = [...this.items.filter((x) => x.id !== item.id), item];
    this.tell({ t: "update", position: this.position, conversation: c, ...(item ? { item } : {}) });
  }

  private answer(method: string, path: string, body: unknown): [number, unknown] {
    if (path === "/session") return [200, { agent: agents[0] }];
    if (path.endsWith("/timeline")) {
      const id = path.split("/")[2];
      return [200, { items: this.items.filter((i) => i.conversation === id), more: false }];
    }
    if (path === "/conversations") return [200, { conversations: [], cursor: "" }];
    return this.rest(method, path, body);
  }

  private async hear(socket: WebSocketRoute, f: { t: string } & Command): Promise<void> {
    const say = (frame: ConsoleServerFrame) => socket.send(JSON.stringify(frame));
    if (f.t === "ping") say({ t: "pong" });
    if (f.t === "hello") {
      say({ t: "welcome", ...this.welcome() });
      say({ t: "list", conversations: this.conversations });
      say({ t: "ready", head: this.position });
    }
    if (f.t !== "cmd") return;
    if (f.id !== "") this.commands.push(f);
    const more = await this.does(f);
    if (f.id !== "") say({ t: "ack", id: f.id, ...more });
  }

  private welcome(): ConsoleWelcome {
    return {
      version: 1,
      build: "b",
      me: agents[0] as Agent,
      company: { name: "Nordwind Logistik", language: "en", color: "#0a5f73" },
      resumed: false,
      head: this.position,
      agents,
      queues: [
        {
          id: "main",
          name: "Disposition",
          open: true,
          waiting: 1,
          longest_wait_ms: 12_000,
          ready: 2,
          signed_in: 3,
          estimate_ms: 60_000,
        },
      ],
      alarms: [],
      replies: [],
      emergency: this.emergency,
      calls: true,
      meetings: true,
      server_now: new Date().toISOString(),
    };
  }
}

export function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}

let next = 1;

export function conversation(name: string, part: Partial<Conversation> = {}): Conversation {
  const id = `c${next++}`;
  return {
    id,
    channel: "livechat",
    entry: "shop",
    state: "active",
    queue: "main",
    agent: "jana",
    target: "queue/main",
    contact: {
      id: `p-${id}`,
      name,
      email: `${name.split(" ")[0]?.toLowerCase()}@example.org`,
      phone: "",
      picture: "",
      language: "de",
      page: "/track/48211",
      identities: [{ channel: "livechat", account: "shop", remote: id }],
    },
    opened_at: ago(600_000),
    waiting_since: null,
    closed_at: null,
    last_at: ago(60_000),
    last_inbound: ago(60_000),
    preview: "",
    preview_from: "inbound",
    unread: 0,
    messages: { inbound: 1, outbound: 0 },
    offer: null,
    window: null,
    opted_out: false,
    not_ours: false,
    online: true,
    priority: 0,
    subject: "",
    call: null,
    last_call: null,
    wrap_up_until: null,
    meeting: null,
    rev: 1,
    ...part,
  };
}

/** A customer calls and it rings at jana and others. */
export function ringing(name: string, part: Partial<Conversation> = {}): Conversation {
  return conversation(name, {
    channel: "click2talk",
    state: "offered",
    agent: "",
    waiting_since: ago(12_000),
    last_at: ago(12_000),
    offer: { id: `o${next}`, agents: ["jana", "faris", "lena"], until: new Date(Date.now() + 14_000).toISOString() },
    call: callOf({ state: "waiting", agent: "", connected_at: null, since: ago(12_000) }),
    subject: "Delivery 48 207 refused at ramp",
    messages: { inbound: 0, outbound: 0 },
    ...part,
  });
}

export function callOf(part: Partial<Call> = {}): Call {
  return {
    id: `call-of-the-test-${next++}`,
    state: "connected",
    from: "customer",
    agent: "jana",
    since: ago(33_000),
    connected_at: ago(21_000),
    ...part,
  };
}

/** The far end of a line: a page that answers offers with a tone, as the gateway would. */
export class FarEnd {
  private constructor(private readonly page: Page) {}

  static async open(browser: Browser, url: string): Promise<FarEnd> {
    const { page } = await person(browser, { permissions: ["microphone"] });
    await page.route("**/far-end", (route) =>
      route.fulfill({ contentType: "text/html", body: "<title>far end</title>" }),
    );
    await page.goto(`${url}/far-end`);
    // Without a microphone of its own the browser would hide its addresses.
    await page.evaluate(async () => {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      Object.assign(window, { stream });
    });
    return new FarEnd(page);
  }

  answer(sdp: string): Promise<string> {
    return this.page.evaluate(async (offer) => {
      const { stream } = window as unknown as { stream: MediaStream };
      const pc = new RTCPeerConnection();
      Object.assign(window, { pc });
      for (const track of stream.getTracks()) pc.addTrack(track, stream);
      await pc.setRemoteDescription({ type: "offer", sdp: offer });
      await pc.setLocalDescription(await pc.createAnswer());
      await new Promise<void>((done) => {
        if (pc.iceGatheringState === "complete") done();
        pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
      });
      return pc.localDescription?.sdp ?? "";
    }, sdp);
  }
}
