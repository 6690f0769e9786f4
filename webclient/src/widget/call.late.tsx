// A call in the head of the chat: loaded when somebody wants one.

import css from "./call.css?text";
import { browserLine, ring } from "./callbrowser";
import { Calling, type CallingOptions, clock } from "./calling";
import type { Calls } from "./calls";
import type { Chat } from "./chat";
import type { Kit } from "./late";
import { borrow, dress, Icon, Late, Svg } from "./own/lent";
import type { CallTexts } from "./texts/call-en";

export interface CallPartOptions extends Pick<CallingOptions, "chat" | "show" | "changed"> {
  kit: Kit;
  t(): CallTexts;
  language(): string;
}

export default (o: CallPartOptions): CallPart => new CallPart(o);

export class CallPart extends Calling implements Calls {
  readonly #chat: Chat;
  readonly #t: () => CallTexts;
  readonly #language: () => string;
  readonly #dressed: (e: Element | null) => void;

  constructor(o: CallPartOptions) {
    super({ ...o, line: browserLine, ring });
    borrow(o.kit);
    this.#chat = o.chat;
    this.#t = o.t;
    this.#language = o.language;
    this.#dressed = dress(css);
  }

  /** What is true of the call, the most important first. */
  say(): string[] {
    const t = this.#t();
    const { phase: p } = this;
    const s = this.#chat.status;
    switch (p.is) {
      case "waiting":
        return s && !(s.staffed && s.open) ? [t.nobody] : [t.inLine(s?.position), t.music];
      case "talking":
        return p.broken ? [t.broken(p.agent)] : [t.talking(p.agent)];
      case "answered":
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
    return this.#t()[s.mic !== "on" ? s.mic : s.muted ? "muted" : "heard"];
  }

  view() {
    const { phase: p } = this;
    if (p.is === "none") return undefined;
    const [first, ...more] = this.say();
    const rings = p.is === "ringing";
    const trouble = p.is === "failed" && p.end.why === "microphone" && p.end.trouble;
    return (
      <section
        ref={this.#dressed}
        class="calling"
        role={rings ? "alertdialog" : "group"}
        aria-label={rings ? first : this.#t().call}
        data-testid="call-panel"
        data-phase={p.is}
      >
        {p.is === "talking" && <time data-testid="call-time">{clock(Date.now() - p.since)}</time>}
        <p role="status" data-testid="call-status">
          {trouble ? (
            <Late part={() => import("./trouble.late")} with={{ trouble, language: this.#language() }} />
          ) : (
            <>
              <b>{first}</b> {more} {this.unheard()}
            </>
          )}
        </p>
        {this.#buttons()}
      </section>
    );
  }

  #buttons() {
    const t = this.#t();
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
          {p.is === "failed" && button(t.dismiss, "call-dismiss", () => this.dismiss())}
        </>
      );
    }
    return (
      <>
        {"mic" in s &&
          (s.mic === "lost"
            ? button(t.again, "call-mic", () => line.changeMicrophone())
            : button(t.mute, "call-mute", () => line.mute(!s.muted), "", <Svg path={MIC} size={20} />, s.muted))}
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

// Icons: Lucide, ISC licence.
export const MIC = "M12 19v3M19 10v2a7 7 0 0 1-14 0v-2M15 5v7a3 3 0 0 1-6 0V5a3 3 0 0 1 6 0z";
