// The check before a call: browser, microphone, TLS, and whether sound can go over UDP, TCP and, where the gateway
// has a relay for it, TLS. For each path a line is made that says nothing, so that it never is a call. Loaded when
// somebody wants it.

import type { CallAnswer, ICEServer } from "../shared/protocol";
import { answerFor, configOf } from "../shared/ways";
import type { Panel, PanelOptions } from "./calls";
import css from "./check.css?text";
import { borrow, dress } from "./own/lent";
import de from "./texts/check-de";
import en, { type CheckTexts } from "./texts/check-en";

type Tried = "udp" | "tcp" | "turn-tls";
type What = "browser" | "mic" | "tls" | Tried;
/** open: not known yet; none: cannot be told. */
type Result = "open" | "ok" | "no" | "none";

const WAYS: Tried[] = ["udp", "tcp", "turn-tls"];
const ANSWER_MS = 5000;
const PATH_MS = 6000;
const LOOK_MS = 100;

export default (o: PanelOptions): Panel => {
  borrow(o.kit);
  return new Check(o);
};

class Check implements Panel {
  #found: Partial<Record<What, Result>> = { browser: "open", mic: "open", tls: "open", udp: "open", tcp: "open" };
  readonly #call = newID(); // one for all lines: the relays let in whose call is there
  #ice: ICEServer[] = []; // the relays, known from the first answer
  #closed = false;
  readonly #dressed = dress(css);

  readonly #o: PanelOptions;

  constructor(o: PanelOptions) {
    this.#o = o;
    void this.#run();
  }

  close(): void {
    this.#closed = true;
  }

  get #t(): CheckTexts {
    return this.#o.language() === "de" ? de : en;
  }

  #is(what: What, result: Result): void {
    this.#found[what] = result;
    if (!this.#closed) this.#o.changed();
  }

  async #run(): Promise<void> {
    await this.#try();
    this.#o.chat.line.send({ t: "call.hangup", call: this.#call });
  }

  async #try(): Promise<void> {
    const able = isSecureContext && "RTCPeerConnection" in window && Boolean(navigator.mediaDevices?.getUserMedia);
    this.#is("browser", able ? "ok" : "no");
    this.#is("tls", location.protocol === "https:" ? (this.#o.chat.lost ? "no" : "ok") : "none");
    this.#is("mic", able && (await this.#microphone()) ? "ok" : "no");
    for (const way of WAYS) {
      if (this.#closed) return;
      if (way === "turn-tls" && !configOf(way, this.#ice).iceServers?.length) return;
      this.#is(way, "open");
      this.#is(way, able ? await this.#path(way).catch(() => "none" as const) : "none");
    }
  }

  async #microphone(): Promise<boolean> {
    try {
      const stream = await this.#o.microphone();
      for (const track of stream.getTracks()) track.stop();
      return true;
    } catch {
      return false;
    }
  }

  /** Makes a line that can come up by this path only, and says nothing on it. */
  async #path(way: Tried): Promise<Result> {
    const { chat, ask } = this.#o;
    const call = this.#call;
    const line = new RTCPeerConnection(configOf(way, this.#ice));
    try {
      line.addTransceiver("audio", { direction: "sendrecv" });
      await line.setLocalDescription();
      const answer = await new Promise<CallAnswer | undefined>((resolve) => {
        ask(call, resolve);
        setTimeout(resolve, ANSWER_MS);
        chat.line.send({ t: "call.offer", call, sdp: line.localDescription?.sdp ?? "", restart: false });
      });
      if (!answer?.sdp) return "none"; // refused: too many of them, or a call is under way
      this.#ice = answer.ice ?? this.#ice;
      await line.setRemoteDescription({ type: "answer", sdp: answerFor(way, answer.sdp) });
      for (let ms = 0; ms < PATH_MS && !this.#closed; ms += LOOK_MS) {
        if (line.connectionState === "connected") return "ok";
        if (line.connectionState === "failed") break;
        await new Promise((later) => setTimeout(later, LOOK_MS));
      }
      return "no";
    } finally {
      line.close();
    }
  }

  get #sum(): "open" | "works" | "mic" | "net" | "browser" {
    const { browser, mic } = this.#found;
    const ways = WAYS.flatMap((w) => this.#found[w] ?? []);
    if (browser === "no") return "browser";
    if (mic === "no") return "mic";
    if (mic === "open" || ways.includes("open")) return "open";
    return ways.every((w) => w === "no") ? "net" : "works";
  }

  view() {
    const t = this.#t;
    const sum = this.#sum;
    const first = sum === "works" ? "call" : sum === "net" ? "voice" : "write";
    return (
      <section ref={this.#dressed} class="panel-way" aria-label={t.title} data-testid="check">
        <h2>{t.title}</h2>
        <ul>
          {(Object.keys(this.#found) as What[]).map((what) => (
            <li key={what} data-testid={`check-${what}`} data-result={this.#found[what]}>
              <span>{t.what[what]}</span>
              <b class={this.#found[what]}>{t.result[this.#found[what] ?? "open"]}</b>
            </li>
          ))}
        </ul>
        <p role="status" data-testid="check-state">
          {t.sum[sum]}
        </p>
        {sum !== "open" && (
          <button type="button" class="go" data-testid="check-next" data-rung={first} onClick={() => this.#o.go(first)}>
            {t.go[first]}
          </button>
        )}
        <button type="button" data-testid="check-back" onClick={() => this.#o.done()}>
          {t.back}
        </button>
      </section>
    );
  }
}

/** 128 random bits. */
function newID(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
