import "./shell.css";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Context } from "./context";
import type { Desk } from "./desk";
import { Inbox } from "./inbox";
import { KeyHelp } from "./keyhelp";
import { useShellKeys } from "./keys";
import { Notices, Toasts } from "./notices";
import { Rail } from "./rail";
import { ringing } from "./ring";
import { Ringing } from "./ringing";
import type { Settings } from "./settings";
import { textsOf } from "./texts";
import { Thread } from "./thread/thread";

interface Props {
  desk: Desk;
  settings: Settings;
  signOut: () => void;
}

/** The desk: rail, inbox, thread, context. On a phone one of the three at a time. */
export function Shell({ desk, settings, signOut }: Props) {
  const t = textsOf(settings.language.value);
  const drawer = useSignal(false);
  const help = useSignal(false);
  const rings = ringing(desk);
  const open = desk.selected.value !== "";
  useShellKeys(desk, { help: () => (help.value = true), closeDrawer: () => (drawer.value = false) });
  useEffect(() => {
    drawer.value = false;
  }, [desk.selected.value]);
  return (
    <div class="sh-root" data-open={open ? "thread" : "inbox"}>
      <Notices desk={desk} t={t} />
      <div class="sh-panes">
        <Rail desk={desk} settings={settings} t={t} signOut={signOut} help={() => (help.value = true)} />
        <main class="sh-main-panes">
          <h1 class="sh-hidden">Backline</h1>
          <Inbox desk={desk} t={t} />
          <div class="sh-thread">
            <Thread
              desk={desk}
              onBack={() => desk.select("")}
              onContext={() => {
                drawer.value = !drawer.value;
              }}
            />
          </div>
        </main>
        <aside class="sh-side" aria-label={t.contact} data-open={drawer.value} data-testid="context">
          {rings.length > 0 && (
            <div class="sh-rings">
              {rings.map((c) => (
                <Ringing key={c.offer?.id} desk={desk} conversation={c} t={t} />
              ))}
            </div>
          )}
          <Context desk={desk} t={t} close={() => (drawer.value = false)} />
        </aside>
      </div>
      <Toasts desk={desk} t={t} />
      {help.value && <KeyHelp t={t} close={() => (help.value = false)} />}
    </div>
  );
}
