import { useSignal } from "@preact/signals";
import type { Desk } from "../desk";
import { nameOfAgent, nameOfQueue } from "../names";
import { when } from "../thread/format";
import { useNow } from "../thread/hooks";
import type { Links, TalkLink } from "./links";
import type { LinkTexts } from "./texts";

/** Links that have not expired, the newest first. */
export function Recent({ desk, links, t }: { desk: Desk; links: Links; t: LinkTexts }) {
  const now = useNow(desk.store.skew.value);
  const { value: all } = links.recent;
  return (
    <section class="lk-recent">
      <h3>{t.recent}</h3>
      {links.listing.value === "failed" && (
        <p role="alert">
          {t.recentFailed}{" "}
          <button type="button" class="sh-link" onClick={() => void links.load()}>
            {t.again}
          </button>
        </p>
      )}
      {links.listing.value === "loaded" && all.length === 0 && <p>{t.recentNone}</p>}
      <ul>
        {all.map((l) => (
          <li key={l.id} data-testid="link-row" data-revoked={l.revoked}>
            <div>
              <b>{l.subject || targetOf(desk, l.to)}</b>
              <span>
                {[whomOf(l, t), l.subject ? targetOf(desk, l.to) : "", t.until(when(l.expires, now, t.language))]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
            </div>
            {l.revoked ? <span>{t.revoked}</span> : <Revoke links={links} link={l} t={t} />}
          </li>
        ))}
      </ul>
      {links.cursor.value !== "" && (
        <button type="button" class="lk-plain" onClick={() => void links.load(true)}>
          {t.more}
        </button>
      )}
    </section>
  );
}

/** Asks once more: a link that was sent out cannot be brought back. */
function Revoke({ links, link, t }: { links: Links; link: TalkLink; t: LinkTexts }) {
  const sure = useSignal(false);
  return (
    <button
      type="button"
      class={sure.value ? "lk-plain lk-sure" : "lk-plain"}
      onClick={() => {
        if (sure.value) void links.revoke(link.id);
        sure.value = !sure.value;
      }}
      onBlur={() => (sure.value = false)}
      data-testid="link-revoke"
    >
      {sure.value ? t.revokeSure : t.revoke}
    </button>
  );
}

function whomOf(l: TalkLink, t: LinkTexts): string {
  if (l.public) return t.printed;
  return l.name ? t.forWhom(l.name) : t.anybody;
}

function targetOf(desk: Desk, to: string): string {
  const id = to.slice(to.indexOf("/") + 1);
  return to.startsWith("agent/") ? nameOfAgent(desk, id) : nameOfQueue(desk, id);
}
