// A call in the head of the chat: loaded when somebody wants one.

import { microphone, trouble } from "../shared/media";
import css from "./call.css?text";
import { browserLine, chime, ring } from "./callbrowser";
import { Calling, type CallingOptions, clock } from "./calling";
import type { Calls } from "./calls";
import type { Ladder } from "./ladder.late";
import type { Kit } from "./late";
import { borrow, dress, Icon, Late } from "./own/lent";
import type { CallTexts } from "./texts/call-en";

export interface CallPartOptions extends Pick<CallingOptions, "chat" | "show" | "changed"> {
  kit: Kit;
  t(): CallTexts;
  language(): string;
  /** Brings the chat before the customer's eyes, to write; where that is not what show does. */
  write?(): void;
}

export default (o: CallPartOptions): CallPart => new CallPart(o);

export class CallPart extends Calling implements Calls {
  readonly #dressed: (e: Element | null) => void;
  /** The ways beside a call, once loaded. */
  #ladder: Ladder | undefined;

  readonly #o: CallPartOptions;

  constructor(o: CallPartOptions) {
    super({ ...o, line: browserLine, ring: (agent) => ring(o.t().ringing(agent)), chime });
    borrow(o.kit);
    this.#o = o;
    this.#dressed = dress(css);
  }

  /** What is true of the call, the most important first. */
  say(): string[] {
    const t = this.#o.t();
    const { phase: p } = this;
    const s = this.#o.chat.status;
    switch (p.is) {
      case "waiting":
        return s && !(s.staffed && s.open) ? [t.nobody] : [t.inLine(s?.position), t.music];
      case "talking":
        return p.broken ? [t.broken(p.agent)] : [t.talking([p.agent, p.with].filter(Boolean).join(", "))];
      case "answered":
      case "held":
      case "ringing":
        return [t[p.is](p.agent)];
      case "failed":
        return [p.end.why === "refused" ? t.refused(p.end.failure.kind) : t.unreachable];
      case "none":
        return [];
      default:
        return [t[p.is]];
    }
  }

  /** Why the customer is not heard; "" when they are. */
  unheard(): string {
    const s = this.line.state;
    if (!("mic" in s)) return "";
    return this.#o.t()[s.mic !== "on" ? s.mic : s.muted ? "muted" : "heard"];
  }

  /** Whether the call is recorded, while it is on this page. */
  recording() {
    const call = this.#o.chat.status?.call;
    if (!call?.recording || !("mic" in this.line.state)) return undefined;
    const language = this.#o.language();
    const answer = (agreed: boolean) => this.#o.chat.line.send({ t: "call.consent", call: call.id, agreed, language });
    return <Late part={() => import("./recorded.late")} with={{ call, language, answer }} />;
  }

  leave(way: "voice" | "back" | "check"): void {
    void this.#open().then((ladder) => ladder.leave(way));
  }

  /** What the customer does in place of calling; a person who is there comes first. */
  get panel() {
    return "agent" in this.phase ? undefined : this.#ladder?.panel;
  }

  /** Which path is being tried, and a button for the next way. */
  ladder() {
    if ("agent" in this.phase) return undefined;
    if (!this.#ladder) this.#open().then(this.#o.changed, () => {}); // the next change tries again
    return this.#ladder?.view();
  }

  async #open(): Promise<Ladder> {
    const part = await import("./ladder.late");
    this.#ladder ??= part.default({ ...this.#o, call: this, microphone, trouble });
    return this.#ladder;
  }

  view() {
    const { phase: p } = this;
    const elsewhere = this.#o.write; // on a page of its own, which shows the other ways itself
    if (!elsewhere && this.panel) return this.panel;
    if (p.is === "none") return undefined;
    const [first, ...more] = this.say();
    const rings = p.is === "ringing";
    const mic = p.is === "failed" && p.end.why === "microphone" && p.end.trouble;
    return (
      <section
        ref={this.#dressed}
        class="calling"
        role={rings ? "alertdialog" : "group"}
        aria-label={rings ? first : this.#o.t().call}
        data-testid="call-panel"
        data-phase={p.is}
      >
        {p.is === "talking" && <time data-testid="call-time">{clock(Date.now() - p.since)}</time>}
        <p role="status" data-testid="call-status">
          {mic ? (
            <Late part={() => import("./trouble.late")} with={{ trouble: mic, language: this.#o.language() }} />
          ) : (
            <>
              <b>{first}</b> {more} {this.unheard()}
            </>
          )}
        </p>
        {this.recording()}
        {this.#buttons()}
        {!elsewhere && this.ladder()}
      </section>
    );
  }

  #buttons() {
    const t = this.#o.t();
    const { line, phase: p } = this;
    const { state: s } = line;
    const rings = p.is === "ringing";
    if (rings || p.is === "away" || p.is === "failed") {
      const [text, id] = rings
        ? [t.accept, "call-accept"]
        : p.is === "away"
          ? [t.back, "call-back"]
          : [t.again, "call-again"];
      return (
        <>
          {button(text, id, () => this.again(), "go", <Icon name="phone" />)}
          {rings && button(t.decline, "call-decline", () => this.decline(), "end", <Icon name="phone" />)}
        </>
      );
    }
    return (
      <>
        {"mic" in s &&
          (s.mic === "lost"
            ? button(t.again, "call-mic", () => line.changeMicrophone())
            : button(t.mute, "call-mute", () => line.mute(!s.muted), "", <Icon name="mic" />, s.muted))}
        {button(t.hangUp, "call-hangup", () => line.hangup(), "end", <Icon name="phone" />)}
      </>
    );
  }
}

function button(text: string, id: string, onClick: () => void, look = "", icon?: unknown, pressed?: boolean) {
  return (
    <button type="button" class={look} data-testid={id} onClick={onClick} aria-pressed={pressed}>
      {icon as never}
      {text}
    </button>
  );
}
