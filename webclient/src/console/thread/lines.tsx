import type { Attachment, Conversation, Item } from "../../shared/protocol";
import { CallItem } from "../call/item";
import type { Desk, Outgoing } from "../desk";
import { isOpen } from "../lists";
import { MeetingItem } from "../meet/item";
import type { Names } from "./events";
import { Message } from "./message";
import { OutgoingMessage } from "./outgoing";
import { Quiet } from "./quiet";
import type { Row } from "./rows";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  conversation: Conversation;
  rows: readonly Row[];
  outgoing: readonly Outgoing[];
  customer: string;
  t: Texts;
  now: number;
  /** The same function each time, or every message would be drawn again. */
  resend: (message: string) => void;
  /** Likewise. */
  show: (picture: Attachment) => void;
}

/** The lines of a thread, oldest first. */
export function Lines({ desk, conversation: c, rows, outgoing, customer, t, now, resend, show }: Props) {
  const names = namesOf(desk, t);
  return (
    <>
      {rows.map((row) => (
        <div key={row.key} class="th-line">
          {row.kind === "call" ? (
            <CallItem
              item={row.item}
              customer={customer}
              language={t.language}
              agent={names.agent}
              now={now}
              api={desk.api}
            />
          ) : row.kind === "meeting" ? (
            <MeetingItem item={row.item} language={t.language} agent={names.agent} now={now} api={desk.api} />
          ) : row.kind === "message" ? (
            <Message
              item={row.item}
              t={t}
              customer={customer}
              picture={c.contact.picture}
              me={names.me}
              first={row.first}
              state={row.state}
              resent={row.resent}
              via={viaOf(row.item, c, t)}
              mayResend={isOpen(c)}
              resend={resend}
              show={show}
            />
          ) : (
            <Quiet row={row} t={t} now={now} names={names} />
          )}
        </div>
      ))}
      {outgoing.map((m) => (
        <div key={m.client_id} class="th-line">
          <OutgoingMessage
            message={m}
            t={t}
            online={desk.store.synced.value}
            retry={() => desk.retry(m.client_id)}
            discard={() => desk.discard(m.client_id)}
          />
        </div>
      ))}
    </>
  );
}

function namesOf(desk: Desk, t: Texts): Names {
  const { store } = desk;
  return {
    me: store.agent,
    agent: (id) => store.agents.value.get(id)?.name ?? id,
    queue: (id) => store.queues.value.find((q) => q.id === id)?.name ?? id,
    channel: (id) => t.channels[id] ?? id,
  };
}

function viaOf(item: Item, c: Conversation, t: Texts): string {
  if (!item.channel || item.channel === c.channel) return "";
  return t.via(t.channels[item.channel] ?? item.channel);
}
