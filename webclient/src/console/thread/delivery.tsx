import type { Item } from "../../shared/protocol";
import { Icon, type IconName } from "./icons";
import { reasonOf } from "./reason";
import type { Texts } from "./texts";

interface Props {
  item: Item;
  t: Texts;
  /** It was submitted once more. */
  resent: boolean;
  /** Sends it again; null where that is not possible. */
  resend: (() => void) | null;
}

const ICONS: Record<string, IconName> = {
  pending: "clock",
  sent: "check",
  delivered: "checks",
  read: "checks",
  failed: "alert",
  uncertain: "question",
};

/** How far an outbound message got. */
export function DeliveryMark({ item, t, resent, resend }: Props) {
  const state = item.delivery ?? "";
  const icon = ICONS[state];
  if (!icon) return null;
  const info = item.delivery_info ?? "";
  const reason = reasonOf(info, t);
  const said = state === "failed" && reason ? t.failedWhy(reason) : (t.delivery[state] ?? state);
  const open = (state === "failed" || state === "uncertain") && !resent;
  return (
    <div class={`th-delivery th-delivery-${state}`}>
      <Icon name={icon} size={14} />
      <span>
        <span title={(state === "failed" ? info : reason) || undefined}>{said}</span>
        {resent && ` · ${t.resent}`}
        {open && resend && (
          <button type="button" class="th-link" onClick={resend} data-testid="resend">
            {t.resend}
          </button>
        )}
      </span>
    </div>
  );
}
