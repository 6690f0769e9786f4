import "../ringing.css";
import "./call.css";
import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { nameOfQueue } from "../names";
import { nameOf } from "../store";
import type { Texts } from "../texts";
import { Avatar } from "../thread/avatar";
import { stopwatch } from "../thread/format";
import { useNow } from "../thread/hooks";
import { Icon } from "../thread/icons";
import { Answer } from "./answer";
import { isDumb } from "./mic";
import { type CallTexts, callTexts } from "./texts";
import { Trouble } from "./trouble";

/** A call that rings: who, about what, since when, from where. Focus stays where it was: A accepts, D declines. */
export function RingCard({ desk, conversation: c, t }: { desk: Desk; conversation: Conversation; t: Texts }) {
  const now = useNow(desk.store.skew.value, 500);
  const { offer, call } = c;
  if (!offer || !call) return null;
  const ct = callTexts(t.language);
  const name = nameOf(c) || t.unnamed;
  const others = (offer.agents?.length ?? 1) - 1;
  const title = `cl-ring-${offer.id}`;
  const asking = desk.phone.asking.value === c.id;
  return (
    <div
      class="sh-ring"
      role="alertdialog"
      aria-labelledby={`${title}-state ${title}`}
      aria-describedby={`${title}-why`}
      data-testid="offer"
      data-call="true"
    >
      <p class="sh-ring-state">
        <span class="sh-pulse" />
        <span id={`${title}-state`}>{ct.incoming}</span>
        <span class="sh-ring-left" data-testid="call-waited">
          {ct.waited(stopwatch(now - Date.parse(call.since)))}
        </span>
      </p>
      <div class="sh-ring-who">
        <Avatar name={name} large online={c.online} picture={c.contact.picture} />
        <div>
          <h2 id={title}>{name}</h2>
          <p>{c.target.startsWith("agent/") ? t.forYou : t.queue(nameOfQueue(desk, c.queue))}</p>
        </div>
      </div>
      <Why conversation={c} id={`${title}-why`} ct={ct} />
      <MicSays desk={desk} conversation={c} asking={asking} ct={ct} />
      <Answer id="offer" desk={desk} conversation={c} offer={offer.id} t={t} />
      <p class="sh-ring-foot cl-ring-foot">
        <span>{others > 0 && t.othersToo(others)}</span>
        <span>{ct.left(stopwatch(Math.max(0, Date.parse(offer.until) - now)))}</span>
      </p>
    </div>
  );
}

/** What the call is about, or where it comes from. */
function Why({ conversation: c, id, ct }: { conversation: Conversation; id: string; ct: CallTexts }) {
  const about = c.subject || c.preview;
  const where = c.channel === "click2talk" ? ct.fromLink : c.subject || !c.preview ? "" : ct.fromChat;
  const page = c.channel !== "click2talk" && c.contact.page ? ct.fromPage(c.contact.page) : "";
  if (!about && !page) return <p class="sh-hidden" id={id} />;
  return (
    <p class="sh-ring-why" id={id}>
      {about ? where : page} {about && <b>{ct.quote(about)}</b>}
      {about && page && <span class="cl-ring-page">{page}</span>}
    </p>
  );
}

/** What stands between this device and the call, said before it is accepted. */
function MicSays(props: { desk: Desk; conversation: Conversation; asking: boolean; ct: CallTexts }) {
  const { desk, conversation: c, asking, ct } = props;
  const state = desk.mic.state.value;
  const tried = desk.phone.trouble.value?.conversation === c.id;
  if (tried) return <Trouble phone={desk.phone} conversation={c.id} ct={ct} more={ct.otherDevice} />;
  if (asking && state !== "ready") return <p class="cl-warn">{ct.asks}</p>;
  if (!isDumb(state)) return null;
  return (
    <p class="cl-warn" data-testid="ring-mic">
      <Icon name="micOff" size={15} />
      <span>
        {ct.mic[state]} {ct.otherDevice}
      </span>
    </p>
  );
}
