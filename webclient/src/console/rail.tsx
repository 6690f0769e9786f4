import "./rail.css";
import "./me.css";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { deskTexts } from "./call/desktexts";
import { callTexts } from "./call/texts";
import { inCall } from "./call/view";
import type { Desk } from "./desk";
import { emergencyTexts } from "./emergency/texts";
import { Glyph } from "./glyph";
import { linkTexts } from "./links/texts";
import type { Settings, Theme } from "./settings";
import type { Texts } from "./texts";
import { Avatar } from "./thread/avatar";
import { Icon } from "./thread/icons";

interface Props {
  desk: Desk;
  settings: Settings;
  t: Texts;
  signOut: () => void;
  help: () => void;
}

/** The narrow bar at the side (on phones at the bottom): what is new, keys, oneself. */
export function Rail(props: Props) {
  const { desk, t } = props;
  const unread = desk.store.counts.value.unread;
  const et = emergencyTexts(t.language);
  return (
    <nav class="sh-rail" aria-label={t.inbox}>
      <span class="sh-mark">
        <Glyph name="mark" size={24} />
      </span>
      <button
        type="button"
        class="sh-rail-item"
        aria-current={desk.page.value === "inbox" ? "page" : undefined}
        aria-label={t.inbox}
        title={t.inbox}
        onClick={() => desk.home()}
      >
        <Glyph name="inbox" />
        {unread > 0 && <span class="sh-badge">{unread > 99 ? "99+" : unread}</span>}
      </button>
      <button
        type="button"
        class="sh-rail-item"
        aria-current={desk.page.value === "emergency" ? "page" : undefined}
        aria-keyshortcuts="Shift+E"
        aria-label={desk.store.emergency.value?.on ? et.openOn : et.open}
        title={`${et.open} (Shift+E)`}
        onClick={() => (desk.page.value = "emergency")}
        data-testid="rail-emergency"
      >
        <Glyph name="siren" />
        {desk.store.emergency.value?.on && <span class="sh-emerg-dot" />}
      </button>
      <button
        type="button"
        class="sh-rail-item"
        aria-haspopup="dialog"
        aria-label={linkTexts(t.language).title}
        title={linkTexts(t.language).title}
        onClick={() => (desk.linking.value = {})}
        data-testid="new-link"
      >
        <Icon name="link" size={20} />
      </button>
      <span class="sh-space" />
      <button
        type="button"
        class="sh-rail-item sh-keys"
        aria-label={t.help}
        title={`${t.help} (?)`}
        onClick={props.help}
      >
        <Glyph name="keyboard" />
      </button>
      <Me {...props} />
    </nav>
  );
}

/** Presence, and what an agent sets for this browser. */
function Me({ desk, settings, t, signOut }: Props) {
  const open = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const me = desk.store.me.value;
  const presence = me?.presence ?? "offline";
  const name = me?.name ?? desk.store.agent;
  const talking = inCall(desk.store.all(), desk.store.agent);
  const said = talking ? callTexts(t.language).inCall : t.presence[presence];
  useEffect(() => {
    if (!open.value) return;
    const outside = (e: Event) => {
      if (e.target instanceof Node && !root.current?.contains(e.target)) open.value = false;
    };
    const leave = (e: KeyboardEvent) => {
      if (e.key !== "Escape") return;
      open.value = false;
      opener.current?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", leave);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", leave);
    };
  }, [open.value]);
  const choose = (p: "ready" | "away") => {
    desk.setPresence(p);
    open.value = false;
    opener.current?.focus();
  };
  return (
    <div class="sh-me" ref={root}>
      <button
        ref={opener}
        id="sh-presence"
        type="button"
        class="sh-rail-item"
        data-testid="presence"
        data-presence={presence}
        aria-expanded={open.value}
        aria-label={t.presenceMenu(said)}
        title={`${name}: ${said} (P)`}
        onClick={() => (open.value = !open.value)}
      >
        <Avatar name={name} />
        <span class="sh-dot" data-presence={presence} />
      </button>
      {open.value && (
        <div class="sh-menu">
          <p class="sh-menu-who">
            <b>{name}</b> {said}
          </p>
          <button
            type="button"
            data-testid="presence-ready"
            aria-pressed={presence !== "away"}
            onClick={() => choose("ready")}
          >
            <span class="sh-dot" data-presence="ready" />
            {t.beReady}
          </button>
          <button
            type="button"
            data-testid="presence-away"
            aria-pressed={presence === "away"}
            onClick={() => choose("away")}
          >
            <span class="sh-dot" data-presence="away" />
            {t.beAway}
          </button>
          <SettingsPart settings={settings} t={t} />
          <button
            type="button"
            onClick={() => {
              open.value = false;
              desk.sounding.value = true;
            }}
            data-testid="open-sound"
          >
            {deskTexts(t.language).sound}
          </button>
          <button type="button" onClick={signOut} data-testid="sign-out">
            {t.signOut}
          </button>
        </div>
      )}
    </div>
  );
}

function SettingsPart({ settings, t }: { settings: Settings; t: Texts }) {
  const asked = useSignal("Notification" in window ? Notification.permission : "denied");
  return (
    <fieldset>
      <legend>{t.settings}</legend>
      <label>
        <input
          type="checkbox"
          checked={settings.sound.value}
          onChange={(e) => (settings.sound.value = e.currentTarget.checked)}
        />
        {t.sound}
      </label>
      <label>
        <input
          type="checkbox"
          checked={asked.value === "granted"}
          disabled={asked.value !== "default"}
          onChange={async () => {
            asked.value = await Notification.requestPermission();
          }}
        />
        {asked.value === "denied" ? t.notifyBlocked : t.notify}
      </label>
      <label>
        <input
          type="checkbox"
          checked={settings.keys.value}
          onChange={(e) => (settings.keys.value = e.currentTarget.checked)}
        />
        {t.singleKeys}
      </label>
      <select
        aria-label={t.themeLabel}
        value={settings.theme.value}
        onChange={(e) => (settings.theme.value = e.currentTarget.value as Theme)}
      >
        {(["system", "light", "dark"] as const).map((x) => (
          <option key={x} value={x}>
            {t.theme[x]}
          </option>
        ))}
      </select>
      <select
        aria-label={t.lang}
        value={settings.language.value}
        onChange={(e) => (settings.language.value = e.currentTarget.value === "de" ? "de" : "en")}
      >
        {(["de", "en"] as const).map((x) => (
          <option key={x} value={x}>
            {t.languageName[x]}
          </option>
        ))}
      </select>
    </fieldset>
  );
}
