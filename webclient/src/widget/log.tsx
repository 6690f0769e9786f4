// The conversation: items of the gateway, then what is on its way.

import { Component, type ComponentChildren, createRef, Fragment } from "preact";
import type { Attachment, Item } from "../shared/protocol";
import type { Chat } from "./chat";
import { fromCompany } from "./conversation";
import { Icon } from "./icons";
import { Message } from "./message";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  t: Texts;
  language: string;
  /** Shown below what was said. */
  children?: ComponentChildren;
}

interface Line {
  key: string;
  own: boolean;
  /** "" for the visitor's own. */
  name: string;
  time: Date;
  text: string;
  files: Attachment[];
  delivery: string;
  /** An event's text, in place of a message. */
  event?: string;
  /** Why it was refused. */
  failure?: string;
}

export class Log extends Component<Props> {
  readonly #box = createRef<HTMLDivElement>();
  #stuck = true;

  override componentDidMount(): void {
    this.#down();
  }

  override componentDidUpdate(): void {
    this.#down();
  }

  /** Stays at the end, unless the visitor has scrolled up. */
  readonly #down = (): void => {
    const box = this.#box.current;
    if (box && this.#stuck) box.scrollTop = box.scrollHeight;
  };

  #line(item: Item): Line | undefined {
    const { t, chat } = this.props;
    const line = {
      key: item.client_id || item.id,
      own: item.kind === "message" && !fromCompany(item),
      name: "",
      time: new Date(item.time),
      text: item.text,
      files: item.attachments ?? [],
      delivery: item.delivery ?? "",
    };
    if (line.own) return { ...line, delivery: item.position > chat.talk.seen ? "sent" : "read" };
    if (item.kind === "message") return { ...line, name: item.from.name || chat.company.name };
    if (item.kind === "call") return { ...line, event: call(item, t) };
    const agent = item.data?.agent_name;
    if (item.event === "assigned" && agent) return { ...line, event: t.joined(agent) };
    if (item.event === "closed") return { ...line, event: t.closed };
    return undefined;
  }

  #lines(): Line[] {
    const { chat, t } = this.props;
    const unsent = chat.outbox.list.map((m): Line => {
      const { id: key, text, files, state: delivery } = m;
      const line = { key, own: true, name: "", time: new Date(m.at), text, files, delivery };
      return delivery === "failed" ? { ...line, failure: t.failed(m.failure) } : line;
    });
    return [...chat.talk.items.flatMap((item) => this.#line(item) ?? []), ...unsent];
  }

  #mark(line: Line): ComponentChildren {
    const { t, language } = this.props;
    const at = clock(line.time, language);
    const [icon, word] = line.failure
      ? (["alert", line.failure] as const)
      : line.delivery === "waiting"
        ? (["clock", t.unsent] as const)
        : line.delivery === "read"
          ? (["read", `${t.read} ${at}`] as const)
          : (["check", `${t.sent} ${at}`] as const);
    return (
      <div class={line.failure ? "mark bad" : "mark"}>
        <Icon name={icon} size={14} />
        {word}
      </div>
    );
  }

  override render() {
    const { chat, t, language, children } = this.props;
    const all = this.#lines();
    return (
      <div
        class="log"
        ref={this.#box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must scroll by keys, too
        tabIndex={0}
        onScroll={(e) => {
          const box = e.currentTarget;
          this.#stuck = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
        }}
      >
        <div class="said" role="log" data-testid="log" aria-live={chat.ready ? "polite" : "off"}>
          {all.map((line, i) => {
            const before = all[i - 1];
            const after = all[i + 1];
            const speaks = !line.own && (before?.own !== false || before.event || before.name !== line.name);
            return (
              <Fragment key={line.key}>
                {line.event ? (
                  <p class="event">
                    {line.event} · {clock(line.time, language)}
                  </p>
                ) : (
                  <>
                    {speaks && (
                      <div class="who">
                        <Avatar name={line.name} />
                        <b>{line.name}</b>
                        <time>{clock(line.time, language)}</time>
                      </div>
                    )}
                    <Message
                      {...line}
                      speaker={line.own ? t.you : line.name}
                      fileURL={(a) => chat.fileURL(a)}
                      grown={this.#down}
                    />
                    {line.own &&
                      (line.failure || !after?.own || after.event || after.delivery !== line.delivery) &&
                      this.#mark(line)}
                  </>
                )}
              </Fragment>
            );
          })}
          {chat.typing && (
            <div class="bubble dots">
              <span class="sr">{t.typing(chat.typing)}</span>
              <i />
              <i />
              <i />
            </div>
          )}
        </div>
        {children}
      </div>
    );
  }
}

/** A call in a few words: how long people talked, or why they did not. */
function call({ ended }: Item, t: Texts): string {
  if (!ended) return t.calling;
  const { outcome, from, talk_ms } = ended;
  if (outcome === "answered")
    return t.called(Math.floor(talk_ms / 60_000) + new Date(talk_ms).toISOString().slice(16, 19));
  return outcome === "declined" ? t.callDeclined : from === "agent" ? t.callMissed : t.callUnanswered;
}

export function Avatar(props: { name: string }) {
  const initials = props.name.split(/\s+/).map((word) => Array.from(word)[0]);
  return (
    <span class="avatar" aria-hidden="true">
      {initials.slice(0, 2)}
    </span>
  );
}

/** The time of day, and the day unless it is today. */
function clock(time: Date, language: string): string {
  const day = time.toDateString() === new Date().toDateString() ? {} : ({ day: "numeric", month: "short" } as const);
  return time.toLocaleString(language, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
