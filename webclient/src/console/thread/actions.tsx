import { useRef } from "preact/hooks";
import type { Conversation } from "../../shared/protocol";
import { CallButton } from "../call/callbutton";
import { deskTexts } from "../call/desktexts";
import { SuperviseButton } from "../call/supervise";
import { callTexts } from "../call/texts";
import { ringsElsewhere } from "../call/view";
import type { Desk } from "../desk";
import { isOpen, ringsAt } from "../lists";
import { MeetButton } from "../meet/meetbutton";
import { Icon } from "./icons";
import { TalkLinkButton } from "./talklink";
import type { Texts } from "./texts";
import { TransferMenu } from "./transfer";

interface Props {
  desk: Desk;
  conversation: Conversation;
  t: Texts;
  /** The transfer menu is open. */
  transferring: boolean;
  setTransferring: (open: boolean) => void;
}

/** What can be done with the conversation. */
export function Actions({ desk, conversation: c, t, transferring, setTransferring }: Props) {
  const opener = useRef<HTMLButtonElement>(null);
  if (!isOpen(c)) return null;
  const me = desk.store.agent;
  const mine = c.agent === me;
  const offer = ringsAt(c, me) ? c.offer : null;
  const elsewhere = ringsElsewhere(c, me);
  const said = offer ? t.accept : elsewhere ? deskTexts(t.language).pickUp : c.agent ? t.takeOver : t.take;
  const take = () => (offer ? desk.accept(c.id, offer.id) : desk.take(c.id));
  return (
    <div class="th-actions">
      <CallButton desk={desk} conversation={c} t={t} />
      <SuperviseButton desk={desk} conversation={c} t={t} />
      <TalkLinkButton key={c.id} desk={desk} conversation={c} t={t} />
      <MeetButton desk={desk} conversation={c} t={t} />
      {!mine && (
        <button type="button" class="th-btn th-btn-main th-take" aria-label={said} onClick={take} data-testid="take">
          <Icon name="take" />
          <span>{said}</span>
        </button>
      )}
      {mine && (
        <button
          type="button"
          class="th-btn th-btn-slim"
          title={t.giveBackHint}
          aria-label={t.giveBackHint}
          onClick={() => desk.giveBack(c.id)}
          data-testid="return"
        >
          <Icon name="giveBack" />
          <span>{t.giveBack}</span>
        </button>
      )}
      <div class="th-anchor">
        <button
          ref={opener}
          type="button"
          class="th-btn th-btn-slim"
          aria-haspopup="listbox"
          aria-expanded={transferring}
          aria-keyshortcuts="T"
          aria-label={t.transfer}
          title={`${t.transfer} (T)`}
          onClick={() => setTransferring(!transferring)}
          data-testid="transfer"
        >
          <Icon name="transfer" />
          <span>{t.transfer}</span>
        </button>
        {transferring && (
          <TransferMenu
            desk={desk}
            conversation={c}
            t={t}
            act={(to) => desk.transfer(c.id, to)}
            close={(back) => {
              setTransferring(false);
              if (back) opener.current?.focus();
            }}
          />
        )}
      </div>
      <button
        type="button"
        class={mine ? "th-btn th-btn-main th-done" : "th-btn th-done"}
        onClick={() => desk.close(c.id)}
        disabled={c.call !== null}
        aria-label={t.done}
        title={c.call ? callTexts(t.language).hangUpFirst : `${t.done} (E)`}
        aria-keyshortcuts="E"
        data-testid="close"
      >
        <Icon name="check" />
        <span>{t.done}</span>
        <kbd>E</kbd>
      </button>
    </div>
  );
}
