import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { isOpen } from "../lists";

import { nameOf } from "../store";
import { Actions } from "./actions";
import { Avatar } from "./avatar";
import { when } from "./format";
import { channelIcon, Icon } from "./icons";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  conversation: Conversation;
  t: Texts;
  now: number;
  /** The transfer menu is open. */
  transferring: boolean;
  setTransferring: (open: boolean) => void;
  onBack: (() => void) | undefined;
  onContext: (() => void) | undefined;
}

/** Who it is, where they are, who else looks on, and what can be done. */
export function Header(props: Props) {
  const { desk, conversation: c, t, now } = props;
  const name = nameOf(c) || t.unnamed;
  const others = (desk.store.viewing.value.get(c.id) ?? []).filter((a) => a !== desk.store.agent);
  const names = others.map((id) => desk.store.agents.value.get(id)?.name ?? id);
  return (
    <header class="th-head">
      {props.onBack && (
        <button
          type="button"
          class="th-ib th-back"
          aria-label={t.back}
          title={t.back}
          onClick={props.onBack}
          data-testid="back"
        >
          <Icon name="back" size={20} />
        </button>
      )}
      <Avatar name={name} large online={c.online} picture={c.contact.picture} />
      <div class="th-who">
        <h2 title={name}>{name}</h2>
        <div class="th-sub">
          <Icon name={channelIcon(c.channel)} size={13} />
          <span class="th-channel">{t.channels[c.channel] ?? c.channel}</span>
          {c.online && (
            <span class="th-live">
              <span class="th-wide">{t.onPage}</span>
              <span class="th-narrow">{t.online}</span>
            </span>
          )}
          <span class="th-where">{whereOf(desk, c, t, now)}</span>
        </div>
      </div>
      {names.length > 0 && (
        <span class="th-also" title={t.reading(names)}>
          {names.slice(0, 3).map((n) => (
            <Avatar key={n} name={n} />
          ))}
          <span class="th-also-text">{t.reading(names.map((n) => n.split(" ")[0] ?? n))}</span>
        </span>
      )}
      <Actions
        desk={desk}
        conversation={c}
        t={t}
        transferring={props.transferring}
        setTransferring={props.setTransferring}
      />
      {props.onContext && (
        <button
          type="button"
          class="th-ib th-context"
          aria-label={t.context}
          title={t.context}
          onClick={props.onContext}
        >
          <Icon name="context" size={18} />
        </button>
      )}
    </header>
  );
}

function whereOf(desk: Desk, c: Conversation, t: Texts, now: number): string {
  if (!isOpen(c)) return c.closed_at ? t.closedAt(when(c.closed_at, now, t.language)) : "";
  if (c.agent && c.agent !== desk.store.agent) return t.heldBy(desk.store.agents.value.get(c.agent)?.name ?? c.agent);
  if (c.state === "offered") return t.ringing;
  if (c.state === "waiting")
    return t.waitingFor(desk.store.queues.value.find((q) => q.id === c.queue)?.name ?? c.queue);
  return "";
}
