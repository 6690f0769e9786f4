import "./search.css";
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Hit } from "./api";
import type { Desk } from "./desk";
import { nameOf } from "./store";
import type { Texts } from "./texts";
import { when } from "./thread/format";
import { useNow } from "./thread/hooks";
import { channelIcon, Icon } from "./thread/icons";

const ASK_AFTER_MS = 250;

export function SearchBox({ query, t }: { query: Signal<string>; t: Texts }) {
  return (
    <search class="sh-search">
      <Icon name="search" size={16} />
      <input
        id="sh-search"
        type="search"
        value={query.value}
        placeholder={t.search}
        aria-label={t.search}
        aria-keyshortcuts="/"
        maxLength={200}
        data-testid="search"
        onInput={(e) => (query.value = e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key !== "Escape") return;
          query.value = "";
          e.currentTarget.blur();
        }}
      />
    </search>
  );
}

type Answer = { of: string; hits: Hit[]; failed: boolean };

/** What was found while the search is not empty. */
export function SearchResults({ desk, query, t }: { desk: Desk; query: Signal<string>; t: Texts }) {
  const answer = useSignal<Answer | null>(null);
  const now = useNow(desk.store.skew.value);
  const q = query.value.trim();
  useEffect(() => {
    if (!q) return;
    let wanted = true;
    const ask = setTimeout(async () => {
      const hits = await desk.api.search(q).catch(() => null);
      if (wanted) answer.value = { of: q, hits: hits ?? [], failed: hits === null };
    }, ASK_AFTER_MS);
    return () => {
      wanted = false;
      clearTimeout(ask);
    };
  }, [q]);
  const a = answer.value;
  return (
    <div class="sh-rows">
      <p class="sh-figures" role="status">
        {!a
          ? t.loading
          : a.failed
            ? t.searchFailed
            : a.hits.length === 0
              ? t.searchNone(a.of)
              : t.searchResults(a.hits.length)}
        <button type="button" class="sh-link" onClick={() => (query.value = "")}>
          {t.searchClear}
        </button>
      </p>
      <ul class="sh-hits">
        {(a?.hits ?? []).map((h) => (
          <li key={h.item.id}>
            <button
              type="button"
              class="sh-hit"
              data-testid="search-result"
              onClick={() => desk.select(h.conversation.id)}
            >
              <span class="sh-name">{nameOf(h.conversation) || t.unnamed}</span>
              <span class="sh-time">{when(h.item.time, now, t.language)}</span>
              <span class="sh-snippet">
                <Icon name={channelIcon(h.conversation.channel)} size={14} />
                <span>{marked(h.snippet || h.item.text)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What was found stands between U+0002 and U+0003. */
function marked(snippet: string) {
  return snippet.split("\u0002").map((part, i) => {
    const [found, rest] = i === 0 ? ["", part] : (part.split("\u0003", 2) as [string, string?]);
    return (
      // The parts have no other name than their place.
      <span key={`${i}:${part}`}>
        {found && <mark>{found}</mark>}
        {rest ?? ""}
      </span>
    );
  });
}
