import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import type { Texts } from "../texts";
import { Icon } from "../thread/icons";

/** Decline and accept of a call or an invitation that rings. `id` is what the buttons' test ids begin with. */
export function Answer(o: { id: string; desk: Desk; conversation: Conversation; offer: string; t: Texts }) {
  const { id, desk, conversation: c, offer, t } = o;
  return (
    <div class="sh-ring-act">
      <button
        type="button"
        class="sh-decline"
        aria-keyshortcuts="D"
        title={`${t.decline} (D)`}
        onClick={() => desk.decline(c.id, offer)}
        data-testid={`${id}-decline`}
      >
        <Icon name="phoneOff" size={18} />
        {t.decline}
      </button>
      <button
        type="button"
        class="sh-accept"
        aria-keyshortcuts="A"
        disabled={desk.phone.asking.value === c.id}
        onClick={() => desk.accept(c.id, offer)}
        data-testid={`${id}-accept`}
      >
        <Icon name="phone" size={18} />
        {t.accept} <kbd>A</kbd>
      </button>
    </div>
  );
}
