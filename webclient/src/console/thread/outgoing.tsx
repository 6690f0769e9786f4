import type { Outgoing } from "../desk";
import { clock } from "./format";
import { Icon } from "./icons";
import type { Texts } from "./texts";
import { Written } from "./written";

interface Props {
  message: Outgoing;
  t: Texts;
  /** There is a connection to the gateway. */
  online: boolean;
  retry: () => void;
  discard: () => void;
}

/** A message of this page that the gateway has not taken yet, or has refused. */
export function OutgoingMessage({ message: m, t, online, retry, discard }: Props) {
  const note = m.kind === "note";
  const state = m.failure ? "failed" : "pending";
  return (
    <article
      class={`th-msg th-first th-unsent ${note ? "th-msg-note" : "th-msg-out"}`}
      data-testid="message"
      data-kind={m.kind}
      data-direction={note ? "" : "outbound"}
      data-delivery={state}
      data-unsent=""
    >
      <div class="th-msg-head">
        <b>{t.you}</b>
        <time dateTime={m.at}>{clock(m.at, t.language)}</time>
        {note && <span>{t.note}</span>}
      </div>
      <div class="th-bubbles">
        {m.text !== "" && (
          <div class="th-bubble">
            {note && <Icon name="lock" size={13} />}
            <Written text={m.text} />
          </div>
        )}
        {namesOfFiles(m, t).map((name, i) => (
          <span key={m.files[i]} class="th-chip">
            <Icon name="file" size={16} />
            {name}
          </span>
        ))}
        <div class={`th-delivery th-delivery-${state}`}>
          <Icon name={m.failure ? "alert" : "clock"} size={14} />
          <span>
            {m.failure ? t.failedWhy(m.failure) : online ? t.delivery.pending : t.waitingForLine}
            {m.failure && (
              <>
                <button type="button" class="th-link" onClick={retry} data-testid="retry">
                  {t.retry}
                </button>
                <button type="button" class="th-link" onClick={discard} data-testid="discard">
                  {t.discard}
                </button>
              </>
            )}
          </span>
        </div>
      </div>
    </article>
  );
}

/** After a reload of the page their names are not known any more. */
function namesOfFiles(m: Outgoing, t: Texts): string[] {
  return m.files.map((id) => m.attachments.find((a) => a.file === id)?.name || (t.fileKinds.file ?? ""));
}
