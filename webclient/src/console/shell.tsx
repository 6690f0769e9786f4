import "./shell.css";
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { PhoneCard } from "./call/card";
import { InviteCard } from "./call/invitecard";
import { useCallKeys } from "./call/keys";
import { RingCard } from "./call/ringcard";
import { SoundDialog } from "./call/sounddialog";
import { CallStrip } from "./call/strip";
import { invitationOf, isCalling } from "./call/view";
import { Context } from "./context";
import type { Desk } from "./desk";
import { EmergencyBar } from "./emergency/bar";
import { EmergencyPage } from "./emergency/page";
import { useWide } from "./hooks";
import { Inbox } from "./inbox";
import { KeyHelp } from "./keyhelp";
import { useShellKeys } from "./keys";
import { LinkDialog } from "./links/dialog";
import { Door } from "./meet/door";
import { Notices, Toasts } from "./notices";
import { Rail } from "./rail";
import { ringing } from "./ring";
import { Ringing } from "./ringing";
import type { Settings } from "./settings";
import { type Texts, textsOf } from "./texts";
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
  const open = desk.selected.value !== "";
  const emergency = desk.page.value === "emergency";
  useShellKeys(desk, { help: () => (help.value = true), closeDrawer: () => (drawer.value = false) });
  useCallKeys(desk);
  useEffect(() => {
    drawer.value = false;
  }, [desk.selected.value]);
  return (
    <div class="sh-root" data-open={emergency ? "emergency" : open ? "thread" : "inbox"}>
      <Top desk={desk} settings={settings} t={t} />
      <div class="sh-panes">
        <Rail desk={desk} settings={settings} t={t} signOut={signOut} help={() => (help.value = true)} />
        {emergency ? (
          <>
            <EmergencyPage desk={desk} settings={settings} back={() => (desk.page.value = "inbox")} />
            <aside class="sh-floating">
              <Rings desk={desk} t={t} />
            </aside>
          </>
        ) : (
          <Panes desk={desk} t={t} drawer={drawer} />
        )}
      </div>
      <Toasts desk={desk} t={t} />
      {desk.linking.value && (
        <LinkDialog
          desk={desk}
          language={t.language}
          start={desk.linking.value}
          close={() => (desk.linking.value = null)}
        />
      )}
      {desk.sounding.value && <SoundDialog desk={desk} language={t.language} />}
      {help.value && <KeyHelp t={t} close={() => (help.value = false)} />}
    </div>
  );
}

/** Above all panes: the emergency, the call whose card is not in sight, what else must be known. */
function Top({ desk, settings, t }: { desk: Desk; settings: Settings; t: Texts }) {
  const wide = useWide();
  const onScreen = isOnScreen(desk);
  return (
    <div class="sh-top">
      <EmergencyBar desk={desk} settings={settings} />
      {!onScreen && <CallStrip desk={desk} t={t} />}
      <Door desk={desk} language={t.language} />
      <Notices desk={desk} settings={settings} t={t} />
      {!wide && onScreen && (
        <div class="cl-dock">
          <PhoneCard desk={desk} t={t} />
        </div>
      )}
    </div>
  );
}

/** The conversation of the call, or of what came of it, is the one that is open. */
function isOnScreen(desk: Desk): boolean {
  const view = desk.phone.view.value;
  if (view.at === "none" || desk.page.value !== "inbox") return false;
  return view.conversation.id === desk.selected.value;
}

interface PanesProps {
  desk: Desk;
  t: Texts;
  /** The context is open where it is a drawer. */
  drawer: Signal<boolean>;
}

function Panes({ desk, t, drawer }: PanesProps) {
  const wide = useWide();
  return (
    <>
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
        {wide && isOnScreen(desk) && (
          <div class="sh-rings">
            <PhoneCard desk={desk} t={t} />
          </div>
        )}
        <Rings desk={desk} t={t} />
        <Context desk={desk} t={t} close={() => (drawer.value = false)} />
      </aside>
    </>
  );
}

function Rings({ desk, t }: { desk: Desk; t: Texts }) {
  const rings = ringing(desk);
  if (rings.length === 0) return null;
  return (
    <div class="sh-rings">
      {rings.map((c) =>
        invitationOf(c, desk.store.agent) ? (
          <InviteCard key={`${c.id}/invited`} desk={desk} conversation={c} t={t} />
        ) : isCalling(c) ? (
          <RingCard key={c.offer?.id} desk={desk} conversation={c} t={t} />
        ) : (
          <Ringing key={c.offer?.id} desk={desk} conversation={c} t={t} />
        ),
      )}
    </div>
  );
}
