import type { Desk } from "../desk";
import { span } from "./format";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  t: Texts;
  now: number;
}

/** Nothing is open: one line that is true, and one thing to do about it. */
export function Empty({ desk, t, now }: Props) {
  const { store } = desk;
  const { mine, waiting } = store.counts.value;
  if (!store.loaded.value) return <Say line={t.connecting} />;
  const first = store.rows(mine > 0 ? "mine" : "waiting")[0];
  if (first) {
    const open = () => {
      desk.tab.value = mine > 0 ? "mine" : "waiting";
      desk.select(first.id);
    };
    if (mine > 0) return <Say line={t.choose} action={t.chooseAction} kbd="J" act={open} />;
    return <Say line={t.someWait(waiting)} action={t.someWaitAction} kbd="" act={open} />;
  }
  let last = 0;
  for (const c of store.all()) last = Math.max(last, Date.parse(c.last_at));
  const line = last > 0 ? `${t.allQuiet} ${t.lastContact(span(now - last))}` : t.allQuiet;
  const done = () => {
    desk.tab.value = "done";
  };
  return <Say line={line} action={t.allQuietAction} kbd="" act={done} />;
}

function Say(props: { line: string; action?: string; kbd?: string; act?: () => void }) {
  return (
    <div class="th-empty">
      <p>{props.line}</p>
      {props.action && (
        <button type="button" class="th-btn" onClick={props.act}>
          {props.action}
          {props.kbd && <kbd>{props.kbd}</kbd>}
        </button>
      )}
    </div>
  );
}
