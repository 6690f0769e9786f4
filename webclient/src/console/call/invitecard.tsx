import "../ringing.css";
import "./call.css";
import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { nameOfTarget } from "../names";
import { nameOf } from "../store";
import type { Texts } from "../texts";
import { Avatar } from "../thread/avatar";
import { stopwatch } from "../thread/format";
import { useNow } from "../thread/hooks";
import { Answer } from "./answer";
import { deskTexts } from "./desktexts";
import { callTexts } from "./texts";
import { Trouble } from "./trouble";
import { invitationOf } from "./view";

/** A colleague asks into a call: to be consulted, or to talk with all. A accepts, D declines, as with any ring. */
export function InviteCard({ desk, conversation: c, t }: { desk: Desk; conversation: Conversation; t: Texts }) {
  const now = useNow(desk.store.skew.value, 500);
  const leg = invitationOf(c, desk.store.agent);
  if (!leg?.offer) return null;
  const { offer } = leg;
  const dt = deskTexts(t.language);
  const ct = callTexts(t.language);
  const by = nameOfTarget(desk, `agent/${leg.by}`);
  return (
    <div
      class="sh-ring"
      role="alertdialog"
      aria-labelledby={`cl-inv-${leg.id}`}
      data-testid="invitation"
      data-role={leg.role}
    >
      <p class="sh-ring-state">
        <span class="sh-pulse" />
        <span id={`cl-inv-${leg.id}`}>{dt.asks(by, leg.role === "consult")}</span>
        <span class="sh-ring-left">{stopwatch(Math.max(0, Date.parse(offer.until) - now))}</span>
      </p>
      <div class="sh-ring-who">
        <Avatar name={by} large />
        <div>
          <h2>{by}</h2>
          <p>{dt.about(nameOf(c) || t.unnamed)}</p>
        </div>
      </div>
      <p class="sh-ring-why">
        <span>{c.subject || c.preview}</span>
      </p>
      <Trouble phone={desk.phone} conversation={c.id} ct={ct} />
      <Answer id="invitation" desk={desk} conversation={c} offer={offer.id} t={t} />
    </div>
  );
}
