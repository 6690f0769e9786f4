import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { nameOf } from "../store";
import { Icon } from "../thread/icons";
import type { Texts } from "../thread/texts";
import { callTexts } from "./texts";

/** Calls a customer whose page is open; away while there is a call or none can be had. */
export function CallButton({ desk, conversation: c, t }: { desk: Desk; conversation: Conversation; t: Texts }) {
  const ct = callTexts(t.language);
  const { phone, store } = desk;
  // Also who came by text message, once they have opened a talk link.
  const onPages = c.online || c.channel === "livechat" || c.channel === "click2talk";
  if (!store.calls.value || !onPages || c.call || c.state === "offered" || c.state === "wrap-up") return null;
  // The view is read so that the button is drawn again when a call begins or ends.
  const busy = phone.view.value.at === "call" || phone.asking.value !== "";
  const why = busy ? ct.callBusy : !c.online ? ct.callOffline : ct.callHint(nameOf(c) || t.unnamed);
  return (
    <button
      type="button"
      class="th-btn th-call"
      disabled={busy || !c.online}
      title={why}
      aria-label={ct.call}
      onClick={() => void phone.place(c)}
      data-testid="call-button"
    >
      <Icon name="phone" />
      <span>{ct.call}</span>
    </button>
  );
}
