import { Component } from "preact";
import type { Attachment, Item } from "../../shared/protocol";
import { Avatar } from "./avatar";
import { DeliveryMark } from "./delivery";
import { Files } from "./files";
import { clock, moment } from "./format";
import { Icon } from "./icons";
import type { Texts } from "./texts";
import { voiceMS } from "./voice";
import { Written } from "./written";

export interface MessageProps {
  item: Item;
  t: Texts;
  /** The customer's name as the head shows it. */
  customer: string;
  /** The customer's picture, "" when there is none. */
  picture: string;
  /** Who looks. */
  me: string;
  /** Name and time are said above it. */
  first: boolean;
  /** The delivery state is said below it. */
  state: boolean;
  resent: boolean;
  /** The channel, when it is not the conversation's. */
  via: string;
  mayResend: boolean;
  resend: (message: string) => void;
  show: (picture: Attachment) => void;
}

/** One message or note. Drawn again only when it changed: a timeline has thousands. */
export class Message extends Component<MessageProps> {
  override shouldComponentUpdate(next: MessageProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof MessageProps)[]).some((k) => now[k] !== next[k]);
  }

  override render() {
    const { item, t, first, me, resend, mayResend } = this.props;
    const note = item.kind === "note";
    const out = item.direction === "outbound";
    const name = authorOf(this.props);
    const side = note ? "note" : out ? "out" : "in";
    return (
      <article
        class={`th-msg th-msg-${side}${first ? " th-first" : ""}${item.standby ? " th-standby" : ""}`}
        data-testid="message"
        data-kind={item.kind}
        data-direction={item.direction ?? ""}
        data-delivery={item.delivery ?? ""}
        data-id={item.id}
      >
        {first && <Avatar name={name} picture={side === "in" ? this.props.picture : ""} />}
        {first && <MessageHead {...this.props} name={item.from.id === me && me ? t.you : name} />}
        <div class="th-bubbles">
          {item.message_kind && t.kinds[item.message_kind] && <span class="th-kind">{t.kinds[item.message_kind]}</span>}
          {item.text !== "" && (
            <div class="th-bubble" title={first ? undefined : moment(item.time, t.language)}>
              {note && <Icon name="lock" size={13} />}
              <Written text={item.text} />
              {item.edited && <small class="th-edited">{t.edited}</small>}
            </div>
          )}
          {item.attachments && item.attachments.length > 0 && (
            <Files files={item.attachments} t={t} show={this.props.show} voice={voiceMS(item.extra)} />
          )}
          {item.reaction && (
            <span class="th-reaction" role="img" aria-label={t.reacted(item.reaction)}>
              {item.reaction}
            </span>
          )}
          <Extra item={item} />
          {out && this.props.state && (
            <DeliveryMark
              item={item}
              t={t}
              resent={this.props.resent}
              resend={mayResend ? () => resend(item.id) : null}
            />
          )}
        </div>
      </article>
    );
  }
}

function MessageHead(props: MessageProps & { name: string }) {
  const { item, t } = props;
  const marks = [];
  if (item.kind === "note") marks.push(t.note);
  if (props.via) marks.push(props.via);
  if (item.from.kind === "colleague") marks.push(item.from.id === "page_inbox" ? t.pageInbox : t.otherApp);
  if (item.standby) marks.push(t.standby);
  return (
    <div class="th-msg-head">
      <b>{props.name}</b>
      <time dateTime={item.time} title={moment(item.time, t.language)}>
        {clock(item.time, t.language)}
      </time>
      {marks.map((m) => (
        <span key={m}>{m}</span>
      ))}
    </div>
  );
}

/** What came along with it, such as the payload of a button. */
function Extra({ item }: { item: Item }) {
  if (item.message_kind === "voice" || item.message_kind === "call_request") return null; // said in words
  const pairs = Object.entries(item.extra ?? {}).filter(([, v]) => v !== "");
  if (pairs.length === 0) return null;
  const text = pairs.map(([k, v]) => `${k}: ${v}`).join(" · ");
  return (
    <small class="th-extra" title={text}>
      {text}
    </small>
  );
}

function authorOf({ item, t, customer }: MessageProps): string {
  switch (item.from.kind) {
    case "customer":
      return customer;
    case "agent":
      return item.from.name || item.from.id || t.colleague;
    case "colleague":
      return item.from.name || t.colleague;
    default:
      return item.from.name || t.automatic;
  }
}
