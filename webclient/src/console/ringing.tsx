import "./ringing.css";
import type { Conversation } from "../shared/protocol";
import { callPreview } from "./call/rowtext";
import type { Desk } from "./desk";
import { nameOf } from "./store";
import type { Texts } from "./texts";
import { Avatar } from "./thread/avatar";
import { stopwatch } from "./thread/format";
import { useNow } from "./thread/hooks";
import { Icon } from "./thread/icons";

/** What rings, with the time left to answer. Focus stays where it was: A accepts, D declines. */
export function Ringing({ desk, conversation: c, t }: { desk: Desk; conversation: Conversation; t: Texts }) {
  const now = useNow(desk.store.skew.value, 500);
  const offer = c.offer;
  if (!offer) return null;
  const name = nameOf(c) || t.unnamed;
  const left = Date.parse(offer.until) - now;
  const others = (offer.agents?.length ?? 1) - 1;
  const queue = desk.store.queues.value.find((q) => q.id === c.queue)?.name ?? c.queue;
  const title = `sh-ring-${offer.id}`;
  return (
    <div
      class="sh-ring"
      role="alertdialog"
      aria-labelledby={title}
      aria-describedby={`${title}-why`}
      data-testid="offer"
    >
      <p class="sh-ring-state">
        <span class="sh-pulse" />
        {t.incoming[c.channel] ?? t.incomingOther}
        <span class="sh-ring-left">{stopwatch(Math.max(0, left))}</span>
      </p>
      <div class="sh-ring-who">
        <Avatar name={name} large picture={c.contact.picture} />
        <div>
          <h2 id={title}>{name}</h2>
          <p>{c.target.startsWith("agent/") ? t.forYou : t.queue(queue)}</p>
        </div>
      </div>
      <p class="sh-ring-why" id={`${title}-why`}>
        <span>{c.meeting ? callPreview(c, t.language, now) : c.preview}</span>
      </p>
      <div class="sh-ring-act">
        <button
          type="button"
          class="sh-decline"
          aria-keyshortcuts="D"
          onClick={() => desk.decline(c.id, offer.id)}
          data-testid="offer-decline"
        >
          <Icon name="close" size={18} />
          {t.decline}
        </button>
        <button
          type="button"
          class="sh-accept"
          aria-keyshortcuts="A"
          onClick={() => desk.accept(c.id, offer.id)}
          data-testid="offer-accept"
        >
          <Icon name="check" size={18} />
          {t.accept} <kbd>A</kbd>
        </button>
      </div>
      {others > 0 && <p class="sh-ring-foot">{t.othersToo(others)}</p>}
    </div>
  );
}
