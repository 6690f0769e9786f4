import "./notices.css";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Alarm } from "../shared/protocol";
import type { Desk } from "./desk";
import type { Settings } from "./settings";
import type { Texts } from "./texts";
import { Icon } from "./thread/icons";
import { isMuted } from "./tone";

/** A blink of the line is nobody's business; after this time it is said. */
const SAY_AFTER_MS = 1500;

/** Nobody at a console can do anything about it, and nothing is lost: it is said calmly. */
const isStoreAway = (a: Alarm) => a.channel === "store" && a.code === "away";

/** What an agent must know before all else: the line, alarms, missed offers, a new version. */
export function Notices({ desk, settings, t }: { desk: Desk; settings: Settings; t: Texts }) {
  const me = desk.store.me.value;
  const alarms = desk.store.alarms.value;
  const missed = me?.presence === "away" && (me.reason === "missed_offers" || me.reason === "silent");
  return (
    <div class="sh-notices">
      <Line desk={desk} t={t} />
      {settings.sound.value && <Muted t={t} />}
      {alarms.some(isStoreAway) && (
        <p class="sh-notice" role="status">
          <span>{t.storeAway}</span>
        </p>
      )}
      {alarms
        .filter((a) => !isStoreAway(a))
        .map((a) => (
          <p key={`${a.channel}/${a.account}/${a.code}`} class="sh-notice sh-alarm" role="alert">
            <Icon name="alert" />
            <span>
              <b>{a.channel === "store" ? t.storeGone : t.alarm(t.channels[a.channel] ?? a.channel)}</b>
              {a.detail} ({a.code})
            </span>
          </p>
        ))}
      {missed && (
        <p class="sh-notice" role="status">
          <span>{me?.reason === "silent" ? t.silentAway : t.missed}</span>
          <button type="button" class="sh-main" onClick={() => desk.setPresence("ready")}>
            {t.backToReady}
          </button>
        </p>
      )}
      {desk.store.outdated.value && (
        <p class="sh-notice" role="status">
          <span>{t.outdated}</span>
          <button type="button" class="sh-main" onClick={() => location.reload()}>
            {t.reload}
          </button>
        </p>
      )}
    </div>
  );
}

/** After a reload many browsers are silent until somebody clicks: a ring would go unheard. */
function Muted({ t }: { t: Texts }) {
  const muted = useSignal(false);
  useEffect(() => {
    const look = async () => {
      muted.value = await isMuted();
    };
    void look();
    const events = ["pointerup", "keydown"] as const;
    for (const e of events) document.addEventListener(e, look);
    return () => {
      for (const e of events) document.removeEventListener(e, look);
    };
  }, []);
  if (!muted.value) return null;
  return (
    <p class="sh-notice" role="status" data-testid="muted">
      <span>{t.muted}</span>
      <button type="button" class="sh-main">
        {t.unmute}
      </button>
    </p>
  );
}

function Line({ desk, t }: { desk: Desk; t: Texts }) {
  const late = useSignal(false);
  const online = desk.store.synced.value;
  useEffect(() => {
    late.value = false;
    if (online) return;
    const say = setTimeout(() => (late.value = true), SAY_AFTER_MS);
    return () => clearTimeout(say);
  }, [online]);
  return (
    <div role="status" data-testid="connection" data-online={online}>
      {!online && late.value && (
        <p class="sh-notice">
          <span class="sh-spin" />
          <span>{desk.store.loaded.value ? t.reconnecting : t.connecting}</span>
        </p>
      )}
    </div>
  );
}

export function Toasts({ desk, t }: { desk: Desk; t: Texts }) {
  return (
    <div class="sh-toasts" role="status">
      {desk.toasts.value.map((x) => (
        <p key={x.id} class={`sh-toast sh-toast-${x.tone}`}>
          <span>{x.text}</span>
          <button type="button" aria-label={t.dismiss} onClick={() => desk.dismiss(x.id)}>
            <Icon name="close" size={14} />
          </button>
        </p>
      ))}
    </div>
  );
}
