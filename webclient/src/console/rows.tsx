import "./rows.css";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Conversation } from "../shared/protocol";
import { callIcon, callPreview } from "./call/rowtext";
import type { Desk } from "./desk";
import { isWaiting, ringsAt, type Tab, windowOf } from "./lists";
import { nameOf } from "./store";
import type { Texts } from "./texts";
import { Avatar } from "./thread/avatar";
import { stopwatch, when } from "./thread/format";
import { useNow } from "./thread/hooks";
import { channelIcon, Icon } from "./thread/icons";

/** Height of a row, in px; rows.css has the same. */
const ROW_PX = 64;

/** The rows of a tab. Only those in view are drawn, so that ten thousand scroll like ten. */
export function Rows({ desk, tab, t }: { desk: Desk; tab: Tab; t: Texts }) {
  const box = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 800 });
  const now = useNow(desk.store.skew.value, 1000);
  const rows = desk.store.rows(tab);
  const { first, last } = windowOf(rows.length, ROW_PX, view.value.top, view.value.height);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const measure = () => {
      view.value = { top: el.scrollTop, height: el.clientHeight };
    };
    const watch = new ResizeObserver(measure);
    watch.observe(el);
    el.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => {
      watch.disconnect();
      el.removeEventListener("scroll", measure);
    };
  }, []);
  useReveal(box, rows, desk.selected.value);
  return (
    <div class="sh-rows" id="sh-rows" role="tabpanel" aria-labelledby={`sh-tab-${tab}`} ref={box} tabIndex={-1}>
      {rows.length === 0 ? (
        <Nothing desk={desk} tab={tab} t={t} />
      ) : (
        <ul style={`height:${rows.length * ROW_PX}px`}>
          {rows.slice(first, last).map((c, i) => (
            <Row
              key={c.id}
              desk={desk}
              c={c}
              t={t}
              now={now}
              top={(first + i) * ROW_PX}
              place={first + i + 1}
              of={rows.length}
            />
          ))}
        </ul>
      )}
      {tab === "done" && rows.length > 0 && desk.done.value.cursor !== "" && (
        <button
          type="button"
          class="sh-more"
          onClick={() => void desk.loadDone()}
          disabled={desk.done.value.state === "loading"}
        >
          {t.more}
        </button>
      )}
    </div>
  );
}

/** Scrolls to the row that the keyboard has chosen. */
function useReveal(box: { current: HTMLDivElement | null }, rows: readonly Conversation[], id: string): void {
  useEffect(() => {
    const at = rows.findIndex((c) => c.id === id);
    const el = box.current;
    if (at < 0 || !el) return;
    const top = at * ROW_PX;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + ROW_PX > el.scrollTop + el.clientHeight) el.scrollTop = top + ROW_PX - el.clientHeight;
  }, [id]);
}

function Nothing({ desk, tab, t }: { desk: Desk; tab: Tab; t: Texts }) {
  if (!desk.store.loaded.value || (tab === "done" && desk.done.value.state === "loading")) {
    return <p class="sh-nothing">{t.loading}</p>;
  }
  if (tab === "done" && desk.done.value.state === "failed") {
    return (
      <p class="sh-nothing">
        {t.loadFailed}{" "}
        <button type="button" class="sh-link" onClick={() => void desk.loadDone()}>
          {t.again}
        </button>
      </p>
    );
  }
  if (tab === "mine" && desk.store.me.value?.presence === "away") {
    return (
      <p class="sh-nothing">
        <b>{t.nothing.mine}</b>
        {t.awayHint}
        <button type="button" class="sh-main" onClick={() => desk.setPresence("ready")}>
          {t.beReadyNow}
        </button>
      </p>
    );
  }
  return (
    <p class="sh-nothing">
      <b>{t.nothing[tab]}</b>
      {t.nothingHint[tab]}
    </p>
  );
}

interface RowProps {
  desk: Desk;
  c: Conversation;
  t: Texts;
  now: number;
  top: number;
  place: number;
  of: number;
}

function Row({ desk, c, t, now, top, place, of }: RowProps) {
  const me = desk.store.agent;
  const rings = ringsAt(c, me);
  const name = nameOf(c) || t.unnamed;
  const waits = isWaiting(c) && c.waiting_since;
  const look = [
    rings ? "sh-ringing" : "",
    c.call && c.call.agent === me ? "sh-talking" : "",
    c.unread > 0 ? "sh-unread" : "",
    desk.selected.value === c.id ? "sh-on" : "",
  ].join(" ");
  return (
    <li class="sh-place" style={`top:${top}px`} aria-setsize={of} aria-posinset={place}>
      <button
        type="button"
        class={`sh-row ${look}`}
        aria-current={desk.selected.value === c.id}
        data-testid="conversation"
        data-id={c.id}
        onClick={() => desk.select(c.id)}
      >
        <Avatar name={name} large online={c.online} picture={c.contact.picture} />
        <span class="sh-name">{name}</span>
        <span class="sh-time">{when(c.last_at, now, t.language)}</span>
        <span class="sh-preview">
          <Icon name={callIcon(c) ?? channelIcon(c.channel)} size={14} />
          <span>{previewOf(desk, c, t, now)}</span>
        </span>
        <span class="sh-marks">
          {waits && (
            <span class={now - Date.parse(waits) > 120_000 ? "sh-age sh-late" : "sh-age"}>
              {stopwatch(now - Date.parse(waits))}
            </span>
          )}
          {c.unread > 0 && !waits && (
            <span class="sh-count" aria-label={t.unread(c.unread)} role="img">
              {c.unread}
            </span>
          )}
        </span>
      </button>
    </li>
  );
}

function previewOf(desk: Desk, c: Conversation, t: Texts, now: number): string {
  const agents = c.offer?.agents ?? [];
  if (ringsAt(c, desk.store.agent)) return t.ringsYou(agents.length - 1);
  const call = callPreview(c, t.language, now);
  if (call) return call;
  if (desk.store.typing.value.some((m) => m.conversation === c.id && m.agent === "")) return t.typing;
  if (c.state === "offered") return t.rings(desk.store.agents.value.get(agents[0] ?? "")?.name ?? "…");
  return (c.preview_from === "outbound" ? t.you : "") + c.preview;
}
