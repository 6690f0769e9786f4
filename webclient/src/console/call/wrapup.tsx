import type { Desk } from "../desk";
import { Avatar } from "../thread/avatar";
import { stopwatch } from "../thread/format";
import { useNow } from "../thread/hooks";
import { Icon } from "../thread/icons";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

interface Props {
  desk: Desk;
  view: Extract<CallView, { at: "wrap-up" }>;
  name: string;
  t: CallTexts;
}

/** The time to write a call up, running down. */
export function WrapUpCard({ desk, view, name, t }: Props) {
  const now = useNow(desk.store.skew.value, 500);
  const { id, last_call: record } = view.conversation;
  const note = () => {
    desk.select(id);
    desk.write({ conversation: id, mode: "note", text: "" });
  };
  return (
    <section class="cl-card cl-card-quiet" aria-label={t.wrapUp} data-testid="wrap-up">
      <p class="cl-state">
        <Icon name="clock" size={15} />
        <span role="status">{t.wrapUp}</span>
        <span class="cl-time" role="timer" data-testid="wrap-up-left">
          {stopwatch(Math.max(0, view.until - now))}
        </span>
      </p>
      <div class="cl-who">
        <Avatar name={name} large picture={view.conversation.contact.picture} />
        <div>
          <h2>{name}</h2>
          <p>{record && t.preview(record)}</p>
        </div>
      </div>
      <p class="cl-hint">{t.wrapUpHint}</p>
      <div class="cl-act">
        <button type="button" class="cl-mute" onClick={note} data-testid="wrap-up-note">
          <Icon name="lock" />
          {t.writeNote}
        </button>
        <button type="button" class="cl-ready" onClick={() => desk.endWrapUp(id)} data-testid="wrap-up-ready">
          <Icon name="check" size={18} />
          {t.readyNow}
        </button>
      </div>
    </section>
  );
}
