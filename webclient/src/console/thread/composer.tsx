import { type Conversation, MAX_ATTACHMENTS } from "../../shared/protocol";
import type { Desk } from "../desk";
import { ringsAt } from "../lists";
import { type ReplyRule, replyRule } from "../rules";
import { nameOf } from "../store";
import type { Composing } from "./composing";
import { Counter, overOf } from "./counter";
import { useEnter } from "./enter";
import { when } from "./format";
import { Modes } from "./modes";
import { Notice } from "./notice";
import type { Texts } from "./texts";
import { Tools } from "./tools";
import { Uploads } from "./uploads";
import { Writing } from "./writing";

interface Props {
  desk: Desk;
  conversation: Conversation;
  composing: Composing;
  t: Texts;
  now: number;
}

/** Where one answers, or leaves a note. To be keyed by the conversation. */
export function Composer({ desk, conversation: c, composing, t, now }: Props) {
  const [enterSends, setEnterSends] = useEnter();
  const note = composing.mode.value === "note";
  const rule = replyRule(c, desk.store.agent, now);
  const blocked = !note && !rule.may;
  const text = composing.text;
  const may = !blocked && composing.ready && overOf(text) === 0;
  const send = () => {
    if (may && composing.send()) composing.focus.value++;
  };
  const take = () => {
    const offer = ringsAt(c, desk.store.agent) ? c.offer : null;
    if (offer) desk.accept(c.id, offer.id);
    else desk.take(c.id);
    composing.open("reply", true);
  };
  const holder = c.agent ? (desk.store.agents.value.get(c.agent)?.name ?? c.agent) : "";
  return (
    <form
      class={note ? "th-comp th-comp-note" : "th-comp"}
      onSubmit={(e) => {
        e.preventDefault();
        send();
      }}
    >
      <Modes composing={composing} channel={c.channel} until={untilOf(rule, now, t)} t={t} />
      {!note && <Notice conversation={c} rule={rule} t={t} now={now} holder={holder} take={take} />}
      <Writing
        composing={composing}
        t={t}
        name={c.contact.name}
        whom={nameOf(c) || t.unnamed}
        language={c.contact.language}
        replies={desk.store.replies.value}
        blocked={blocked}
        enterSends={enterSends}
        send={send}
      />
      {!note && <Uploads composing={composing} t={t} />}
      {composing.tooMany.value && (
        <p class="th-error" role="alert">
          {t.uploadTooMany(MAX_ATTACHMENTS)}
        </p>
      )}
      <div class="th-bar">
        {!note && <Tools desk={desk} conversation={c} composing={composing} blocked={blocked} t={t} />}
        <Counter channel={c.channel} text={text} note={note} t={t} />
        <span class="th-gap" />
        <button
          type="button"
          class="th-enter"
          aria-pressed={enterSends}
          title={enterSends ? t.enterSends : t.enterBreaks}
          onClick={() => setEnterSends(!enterSends)}
          data-testid="enter-sends"
        >
          {enterSends ? t.enterSends : t.enterBreaks}
        </button>
        <button type="submit" class="th-btn th-btn-main th-send" disabled={!may} data-testid="send">
          <span>{note ? t.save : t.send}</span>
          <kbd>{enterSends ? "↵" : "Ctrl ↵"}</kbd>
        </button>
      </div>
    </form>
  );
}

/** Until when the network lets answers through; "" when that does not matter. */
function untilOf(rule: ReplyRule, now: number, t: Texts): string {
  return rule.may && rule.notice === "window" ? t.until(when(rule.until, now, t.language)) : "";
}
