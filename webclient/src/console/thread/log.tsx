import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Attachment, Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { nameOf } from "../store";
import { Jump } from "./jump";
import { Lightbox } from "./lightbox";
import { Lines } from "./lines";
import { rowsOf, unreadStart } from "./rows";
import { Keeper } from "./scroll";
import { useSeen } from "./seen";
import type { Texts } from "./texts";
import { Typing } from "./typing";

interface Props {
  desk: Desk;
  conversation: Conversation;
  t: Texts;
  now: number;
}

/** Rows drawn at first, and how many more each time the reader nears the top. */
const FIRST_ROWS = 120;
const MORE_ROWS = 100;

/** All that was said and done, over all channels. To be keyed by the conversation. */
export function Log({ desk, conversation: c, t, now }: Props) {
  const id = c.id;
  const timeline = desk.store.timeline(id);
  const items = timeline.items.value;
  const state = timeline.state.value;
  const [most, setMost] = useState(FIRST_ROWS);
  const [busy, setBusy] = useState(false);
  const [picture, setPicture] = useState<Attachment | null>(null);
  const resend = useCallback((message: string) => desk.resend(id, message), [desk, id]);

  const unread = useRef({ count: c.unread, from: "" }).current;
  if (unread.from === "") unread.from = unreadStart(items, unread.count);
  const rows = useMemo(() => rowsOf(items, unread.from), [items, unread.from]);
  const shown = useMemo(() => rows.slice(-most), [rows, most]);
  const outgoing = desk.outgoing.value.filter(
    (m) => m.conversation === id && !items.some((it) => it.client_id === m.client_id),
  );

  const older = useRef(() => {});
  older.current = () => {
    if (busy) return;
    if (rows.length > most) setMost(most + MORE_ROWS);
    else if (timeline.more.peek() && timeline.state.peek() === "loaded") {
      setBusy(true);
      void desk.load(id, true).finally(() => {
        setMost((n) => n + MORE_ROWS);
        setBusy(false);
      });
    }
  };
  const { keeper, scroller, content } = useKeeper(() => older.current(), outgoing.length);
  const atEnd = keeper.atEnd.value;
  useEffect(() => {
    if (atEnd) setMost(FIRST_ROWS);
  }, [atEnd]);
  useSeen(desk, id, keeper);

  const customer = nameOf(c) || t.unnamed;
  const loading = busy || (state === "loading" && items.length === 0);
  return (
    <div class="th-log-box">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div ref={scroller} class="th-log" role="log" aria-label={t.timeline} aria-busy={loading} tabIndex={0}>
        <div ref={content} class="th-lines">
          {state === "loaded" && items.length + outgoing.length === 0 && <p class="th-quiet">{t.noLines}</p>}
          <Lines
            desk={desk}
            conversation={c}
            rows={shown}
            outgoing={outgoing}
            customer={customer}
            t={t}
            now={now}
            resend={resend}
            show={setPicture}
          />
          <Typing desk={desk} id={id} t={t} customer={customer} />
        </div>
      </div>
      {loading && <p class="th-quiet th-loading">{busy ? t.loadingOlder : t.loading}</p>}
      {state === "failed" && (
        <p class="th-quiet th-loading" role="alert">
          {t.loadFailed}{" "}
          <button type="button" class="th-link" onClick={() => void desk.load(id)} data-testid="load-again">
            {t.loadAgain}
          </button>
        </p>
      )}
      <Jump atEnd={atEnd} last={items.at(-1)} t={t} jump={() => keeper.toEnd()} />
      {picture && <Lightbox picture={picture} t={t} close={() => setPicture(null)} />}
    </div>
  );
}

/** Keeps the reader's place; with one more message of their own it goes to the end. */
function useKeeper(nearTop: () => void, own: number) {
  const near = useRef(nearTop);
  near.current = nearTop;
  const keeper = useMemo(() => new Keeper(() => near.current()), []);
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (scroller.current && content.current) return keeper.attach(scroller.current, content.current);
  }, [keeper]);
  const before = useRef(own);
  useLayoutEffect(() => {
    if (own > before.current) keeper.toEnd();
    before.current = own;
    keeper.keep();
  });
  return { keeper, scroller, content };
}
