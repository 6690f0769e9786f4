import "./inbox.css";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { MicChip } from "./call/micchip";
import type { Desk } from "./desk";
import { TABS, type Tab } from "./lists";
import { Rows } from "./rows";
import { SearchBox, SearchResults } from "./search";
import type { Texts } from "./texts";
import { short, stopwatch } from "./thread/format";

/** The list of conversations: four tabs, the queues' figures, the search. */
export function Inbox({ desk, t }: { desk: Desk; t: Texts }) {
  const query = useSignal("");
  const tab = desk.tab.value;
  useEffect(() => {
    if (tab === "done" && desk.done.value.state === "unasked") void desk.loadDone();
  }, [tab, desk.done.value.state]);
  return (
    <section class="sh-list" aria-label={t.conversations} data-testid="inbox">
      <header class="sh-list-head">
        <h2>{t.inbox}</h2>
        <SearchBox query={query} t={t} />
      </header>
      {query.value !== "" ? (
        <SearchResults desk={desk} query={query} t={t} />
      ) : (
        <>
          <Tabs desk={desk} t={t} />
          <Figures desk={desk} t={t} />
          <MicChip desk={desk} t={t} />
          <Rows key={tab} desk={desk} tab={tab} t={t} />
        </>
      )}
    </section>
  );
}

function Tabs({ desk, t }: { desk: Desk; t: Texts }) {
  const counts = desk.store.counts.value;
  const arrow = (e: KeyboardEvent, tab: Tab) => {
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? tab;
    desk.tab.value = next;
    document.getElementById(`sh-tab-${next}`)?.focus();
  };
  return (
    <div class="sh-tabs" role="tablist" aria-label={t.conversations}>
      {TABS.map((tab, i) => (
        <button
          key={tab}
          id={`sh-tab-${tab}`}
          type="button"
          role="tab"
          aria-selected={desk.tab.value === tab}
          aria-controls="sh-rows"
          aria-keyshortcuts={String(i + 1)}
          tabIndex={desk.tab.value === tab ? 0 : -1}
          data-testid={`tab-${tab}`}
          onClick={() => (desk.tab.value = tab)}
          onKeyDown={(e) => arrow(e, tab)}
        >
          {t.tabs[tab]} {tab !== "done" && <span>{short(counts[tab], t.language)}</span>}
        </button>
      ))}
    </div>
  );
}

/** How it stands in the queues of this agent: how many wait, how long the longest, who is ready. */
function Figures({ desk, t }: { desk: Desk; t: Texts }) {
  const mine = new Set(desk.store.me.value?.queues ?? []);
  const queues = desk.store.queues.value.filter((q) => mine.size === 0 || mine.has(q.id));
  const waiting = queues.reduce((n, q) => n + q.waiting, 0);
  const longest = Math.max(0, ...queues.map((q) => q.longest_wait_ms));
  const ready = Math.max(0, ...queues.map((q) => q.ready));
  return (
    <p class="sh-figures">
      <b>{t.waitingCount(waiting)}</b>
      {waiting > 0 && <span class={longest > 120_000 ? "sh-late" : ""}>{t.longest(stopwatch(longest))}</span>}
      <span>{t.readyCount(ready)}</span>
    </p>
  );
}
