// The call itself: dark, so that it is a call on any phone; who, how long, and the few things that can be done.

import { Component, type ComponentChildren } from "preact";
import { Meter } from "../shared/meter";
import type { CallPart } from "../widget/call.late";
import { clock } from "../widget/calling";
import { fromCompany } from "../widget/conversation";
import { Icon, Svg } from "../widget/icons";
import type { PageProps } from "./page";
import { BUBBLE } from "./ready";

type Props = PageProps & { call: CallPart };

export function Screen(p: Props) {
  const { call, words, chat } = p;
  const phase = call.phase;
  const agent = "agent" in phase ? phase.agent : "";
  const [first, ...more] = call.say();
  const talking = phase.is === "talking";
  return (
    <main class="screen" data-theme="dark" data-testid="call-panel" data-phase={phase.is}>
      <div class="top">
        {p.quality && talking ? (
          <span class={`quality ${p.quality}`} data-testid="quality">
            <i />
            <i />
            <i />
            {words.talk.quality[p.quality]}
          </span>
        ) : (
          <span />
        )}
        {location.protocol === "https:" && (
          <span>
            <Icon name="lock" size={14} />
            {words.talk.secure}
          </span>
        )}
      </div>
      <div class={talking && !phase.broken ? "face live" : "face"} aria-hidden="true">
        {initials(agent || p.company)}
      </div>
      <h1>{agent || p.company}</h1>
      <p class="role">{[agent && p.company, chat.link?.to !== agent && chat.link?.to].filter(Boolean).join(", ")}</p>
      {talking && (
        <time class="clock" data-testid="call-time">
          {clock(Date.now() - phase.since)}
        </time>
      )}
      <p class="said" role="status" data-testid="call-status">
        <span class={talking && !phase.broken ? "sr" : ""}>{first}</span> {more.join(" ")} {call.unheard()}
      </p>
      {call.recording()}
      <span class="gap" />
      <Latest {...p} />
      <div class="ladder">{call.ladder()}</div>
      <Controls {...p} />
    </main>
  );
}

/** The newest message of the company, while it is unread. */
function Latest({ chat, words, write }: Props) {
  const item = chat.talk.items.findLast(fromCompany);
  if (!item || item.position <= chat.talk.read) return null;
  return (
    <button type="button" class="latest" data-testid="latest" onClick={write}>
      <small>{words.talk.latest(item.from.name || chat.company.name)}</small>
      {item.text || item.attachments?.[0]?.name}
    </button>
  );
}

function Controls({ call, words, write }: Props) {
  const t = words.call;
  const s = call.line.state;
  if (call.phase.is === "ringing") {
    return (
      <div class="pair">
        <Big look="stop" id="call-decline" click={() => call.decline()}>
          {t.decline}
        </Big>
        <Big look="go" id="call-accept" click={() => call.again()}>
          {t.accept}
        </Big>
      </div>
    );
  }
  return (
    <>
      <div class="controls">
        {"mic" in s && s.mic === "lost" && (
          <Round id="call-mic" text={t.again} click={() => void call.line.changeMicrophone()}>
            <Icon name="mic" size={24} />
          </Round>
        )}
        {"mic" in s && s.mic !== "lost" && (
          <Round id="call-mute" text={t.mute} pressed={s.muted} click={() => call.line.mute(!s.muted)}>
            <Level key={s.mic} sound={call.line.stream} />
            <Icon name="mic" size={24} />
          </Round>
        )}
        <Round id="write" text={words.talk.write} click={write}>
          <Svg path={BUBBLE} size={24} />
        </Round>
      </div>
      <Big look="stop" id="call-hangup" click={() => call.line.hangup()}>
        {t.hangUp}
      </Big>
    </>
  );
}

interface RoundProps {
  id: string;
  text: string;
  pressed?: boolean;
  click(): void;
  children: ComponentChildren;
}

function Round({ id, text, pressed, click, children }: RoundProps) {
  return (
    <button
      type="button"
      class="round"
      data-testid={id}
      onClick={click}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
    >
      <span>{children}</span>
      {text}
    </button>
  );
}

function Big({
  look,
  id,
  click,
  children,
}: {
  look: "go" | "stop";
  id: string;
  click(): void;
  children: ComponentChildren;
}) {
  return (
    <button type="button" class={`big ${look}`} data-testid={id} onClick={click}>
      <Icon name="phone" size={22} />
      {children}
    </button>
  );
}

const LEVEL_EVERY_MS = 100;

/** How loud the microphone is, as a disc that grows. */
class Level extends Component<{ sound: MediaStream | undefined }> {
  #meter: Meter | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;

  readonly #disc = (disc: HTMLElement | null): void => {
    clearInterval(this.#beat);
    if (!disc) return;
    this.#beat = setInterval(() => {
      disc.style.transform = `scale(${this.#meter?.level() ?? 0})`;
    }, LEVEL_EVERY_MS);
  };

  override componentDidMount(): void {
    if (this.props.sound) this.#meter = new Meter(this.props.sound);
  }

  override componentWillUnmount(): void {
    this.#meter?.close();
  }

  override render() {
    return <i class="level" ref={this.#disc} />;
  }
}

function initials(name: string): string {
  return name
    .split(/\s+/)
    .map((word) => Array.from(word)[0] ?? "")
    .slice(0, 2)
    .join("");
}
