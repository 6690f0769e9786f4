import "./page.css";
import { useEffect, useRef } from "preact/hooks";
import type { Desk } from "../desk";
import { nameOfAgent } from "../names";
import type { Settings } from "../settings";
import { span, when } from "../thread/format";
import { useNow } from "../thread/hooks";
import { Icon } from "../thread/icons";
import { CustomerTexts } from "./customertexts";
import { Preview } from "./preview";
import { Start } from "./start";
import type { EmergencyState } from "./state";
import { Switch } from "./switch";
import { type EmergencyTexts, emergencyTexts } from "./texts";

interface Props {
  desk: Desk;
  settings: Settings;
  /** Back to the inbox; for phones, which have no rail here. */
  back: () => void;
}

/** The page of the switch. Opening it changes nothing. */
export function EmergencyPage({ desk, settings, back }: Props) {
  const t = emergencyTexts(settings.language.value);
  const made = useRef<Switch | null>(null);
  made.current ??= new Switch(desk.api);
  const sw = made.current;
  const heading = useRef<HTMLHeadingElement>(null);
  const on = desk.store.emergency.value?.on;
  // The switch may be pressed elsewhere while this page is open.
  useEffect(() => void sw.load(), [on, desk.store.emergency.value?.since]);
  useEffect(() => heading.current?.focus(), []);
  const company = desk.store.company.value?.name ?? "";
  const state = sw.state.value;
  return (
    <main class="em-page" data-testid="emergency-page" data-on={state?.on ?? ""}>
      <header class="em-head">
        <button type="button" class="th-ib th-back" onClick={back} aria-label="Backline">
          <Icon name="back" size={20} />
        </button>
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {t.title}
          </h1>
          <p>{t.lead}</p>
        </div>
        <a class="em-print" href="/print/contact" target="_blank" rel="noopener" title={t.printHint}>
          <Icon name="open" />
          {t.print}
        </a>
      </header>
      {sw.at.value === "loading" && <p class="th-quiet">{t.loading}</p>}
      {sw.at.value === "failed" && (
        <p class="th-quiet" role="alert">
          {t.loadFailed}{" "}
          <button type="button" class="sh-link" onClick={() => void sw.load()}>
            {t.again}
          </button>
        </p>
      )}
      {state && (
        <div class="em-columns">
          <div>
            <State desk={desk} state={state} t={t} />
            {state.on ? <CustomerTexts sw={sw} t={t} save /> : <Start sw={sw} t={t} company={company} />}
          </div>
          <div>
            <Preview texts={sw.texts.value} company={company} t={t} />
            <PressLog desk={desk} state={state} t={t} />
          </div>
        </div>
      )}
    </main>
  );
}

function State({ desk, state, t }: { desk: Desk; state: EmergencyState; t: EmergencyTexts }) {
  const now = useNow(desk.store.skew.value, 10_000);
  const by = nameOfAgent(desk, state.by);
  const since = state.since ? Date.parse(state.since) : 0;
  return (
    <section class="em-state" data-on={state.on} role="status">
      <p>
        <span class="em-lamp" />
        <b>{state.on ? t.stateOn : t.stateOff}</b>
        {state.on && since > 0 && (
          <span>
            {t.since(when(since, now, t.language))} · {span(now - since)}
          </span>
        )}
      </p>
      {state.on && by && <p>{t.by(by)}</p>}
      {state.on && state.why && <p class="em-quote">{state.why}</p>}
      {!state.on && <p>{since > 0 ? t.last(when(since, now, t.language), by) : t.never}</p>}
    </section>
  );
}

function PressLog({ desk, state, t }: { desk: Desk; state: EmergencyState; t: EmergencyTexts }) {
  const now = useNow(desk.store.skew.value);
  if (state.log.length === 0) return null;
  return (
    <section class="em-log">
      <h2>{t.log}</h2>
      <ul>
        {state.log.map((p) => (
          <li key={`${p.at}/${p.change}`}>
            <time dateTime={p.at}>{when(p.at, now, t.language)}</time>
            <b>{{ on: t.logOn, off: t.logOff, text: t.logText }[p.change]}</b>
            <span>{[nameOfAgent(desk, p.by), p.why].filter(Boolean).join(" · ")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
