import "./bar.css";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Desk } from "../desk";
import { Glyph } from "../glyph";
import type { Settings } from "../settings";
import { clock, span, when } from "../thread/format";
import { useNow } from "../thread/hooks";
import { EndDialog } from "./end";
import { emergencyTexts } from "./texts";
import { Works } from "./works";

/** On top of every screen while the emergency is on: since when, why, what works, how it ends. */
export function EmergencyBar({ desk, settings }: { desk: Desk; settings: Settings }) {
  const now = useNow(desk.store.skew.value, 10_000);
  const ending = useSignal(false);
  const works = useSignal(false);
  const opener = useRef<HTMLButtonElement>(null);
  const e = desk.store.emergency.value;
  const t = emergencyTexts(settings.language.value);
  if (!e?.on) return null;
  const since = e.since ? Date.parse(e.since) : now;
  return (
    <section class="em-bar" aria-label={t.bar} data-testid="emergency-bar">
      <span class="em-tape" aria-hidden="true" />
      <Glyph name="siren" size={18} />
      <p class="em-said" role="status">
        <span title={e.by ? t.by(desk.store.agents.value.get(e.by)?.name ?? e.by) : undefined}>
          <b>{t.bar}</b>{" "}
          {t.since(now - since > 20 * 3_600_000 ? when(since, now, t.language) : clock(since, t.language))}
        </span>
        <span class="em-for">{span(now - since)}</span>
        {e.why && <span class="em-why">{e.why}</span>}
      </p>
      <span class="em-anchor">
        <button
          ref={opener}
          type="button"
          class="em-btn"
          aria-expanded={works.value}
          onClick={() => (works.value = !works.value)}
          data-testid="emergency-works"
        >
          {t.works}
        </button>
        {works.value && (
          <Works
            emergency={e}
            t={t}
            close={(back) => {
              works.value = false;
              if (back) opener.current?.focus();
            }}
          />
        )}
      </span>
      <button type="button" class="em-btn em-solid" onClick={() => (ending.value = true)} data-testid="emergency-end">
        {t.end}
      </button>
      {ending.value && <EndDialog desk={desk} t={t} close={() => (ending.value = false)} />}
    </section>
  );
}
