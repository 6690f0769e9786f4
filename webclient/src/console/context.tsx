import "./context.css";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Conversation, Identity } from "../shared/protocol";
import type { Desk } from "./desk";
import { isWaiting } from "./lists";
import { nameOf } from "./store";
import type { Texts } from "./texts";
import { stopwatch, when } from "./thread/format";
import { useNow } from "./thread/hooks";
import { channelIcon, Icon } from "./thread/icons";

/** Who the open conversation is with, and what was before. */
export function Context({ desk, t, close }: { desk: Desk; t: Texts; close: () => void }) {
  const c = desk.selected.value ? desk.store.conversation(desk.selected.value) : undefined;
  const now = useNow(desk.store.skew.value, 10_000);
  return (
    <div class="sh-context">
      <button type="button" class="sh-context-close" onClick={close} aria-label={t.closeContext}>
        <Icon name="close" size={18} />
      </button>
      {!c && <p class="sh-nothing">{t.contactNone}</p>}
      {c && (
        <>
          <section>
            <h2>{nameOf(c) || t.unnamed}</h2>
            <dl>
              <Line label={t.email} value={c.contact.email} />
              <Line label={t.phone} value={c.contact.phone} />
              <Line label={t.lang} value={languageName(c.contact.language, t)} />
              <Line label={t.page} value={c.contact.page} />
              {(c.contact.identities ?? []).map((i) => (
                <Line key={`${i.channel}/${i.remote}`} label={t.identity} value={reachedBy(i, t)} />
              ))}
            </dl>
            {c.opted_out && <p class="sh-warn">{t.optedOut}</p>}
          </section>
          <section>
            <dl>
              <Line label={t.inQueue} value={desk.store.queues.value.find((q) => q.id === c.queue)?.name ?? c.queue} />
              <Line label={t.agent} value={c.agent ? (desk.store.agents.value.get(c.agent)?.name ?? c.agent) : ""} />
              <Line label={t.opened} value={when(c.opened_at, now, t.language)} />
              <Line
                label={t.waitsSince}
                value={isWaiting(c) && c.waiting_since ? stopwatch(now - Date.parse(c.waiting_since)) : ""}
              />
            </dl>
          </section>
          <Before key={c.contact.id} desk={desk} conversation={c} t={t} now={now} />
        </>
      )}
    </div>
  );
}

function Line({ label, value }: { label: string; value: string }) {
  if (!value) return null;
  return (
    <>
      <dt>{label}</dt>
      <dd title={value}>{value}</dd>
    </>
  );
}

function languageName(tag: string, t: Texts): string {
  if (!tag) return "";
  try {
    return new Intl.DisplayNames([t.language], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** A number is shown, an opaque id is not. */
function reachedBy(i: Identity, t: Texts): string {
  const channel = t.channels[i.channel] ?? i.channel;
  return i.channel === "sms" ? `${channel} ${i.remote}` : `${channel}, ${i.account}`;
}

interface BeforeProps {
  desk: Desk;
  conversation: Conversation;
  t: Texts;
  now: number;
}

/** Earlier conversations with the same person. */
function Before({ desk, conversation, t, now }: BeforeProps) {
  const list = useSignal<Conversation[] | null>(null);
  const contact = conversation.contact.id;
  useEffect(() => {
    let wanted = true;
    const show = (found: Conversation[]) => {
      if (wanted) list.value = found;
    };
    void desk.api.conversations({ contact, limit: "20" }).then(
      (page) => show(page.conversations),
      () => show([]),
    );
    return () => {
      wanted = false;
    };
  }, [contact]);
  const others = (list.value ?? []).filter((c) => c.id !== conversation.id);
  return (
    <section>
      <h3>
        {t.before} <span>{others.length > 0 ? others.length : ""}</span>
      </h3>
      {list.value !== null && others.length === 0 && <p class="sh-soft">{t.beforeNone}</p>}
      <ul class="sh-before">
        {others.map((c) => (
          <li key={c.id}>
            <button type="button" onClick={() => desk.select(c.id)}>
              <Icon name={channelIcon(c.channel)} size={14} />
              <span>{c.preview}</span>
              <span class="sh-time">{when(c.last_at, now, t.language)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
