import "@preact/signals";
import { useSignalEffect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { browserBar, keepAddress } from "./address";
import type { Api, Person } from "./api";
import { Devices } from "./call/devices";
import { browserParts } from "./call/parts";
import { Desk } from "./desk";
import type { Shelf } from "./drafts";
import { watchRings } from "./ring";
import type { Settings } from "./settings";
import { Setup } from "./setup";
import { Shell } from "./shell";
import { SignIn, Silent } from "./signin";
import type { Line } from "./socket";
import { soon } from "./soon";
import { textsOf } from "./texts";
import { whoIsHere } from "./who";

interface Props {
  api: Api;
  shelf: Shelf | null;
  settings: Settings;
}

type Stage =
  | { at: "asking"; silent: boolean }
  | { at: "out"; demo: Person[] }
  | { at: "setup"; token: string }
  | { at: "in"; desk: Desk };

/** Who is here: nobody yet, the first administrator, or an agent at the desk. */
export function App({ api, shelf, settings }: Props) {
  const [stage, setStage] = useState<Stage>({ at: "asking", silent: false });
  useLook(settings);

  const enter = (who: Person) => {
    const devices = new Devices(shelf);
    const desk = new Desk({
      agent: who.id,
      api,
      line: openLine,
      shelf,
      phone: browserParts(devices),
      devices,
      soon,
      id: () => crypto.randomUUID?.() ?? randomID(),
      signedOut: () => void ask(),
    });
    setStage({ at: "in", desk });
  };
  const ask = async () => {
    const setup = /^#setup=(.+)$/.exec(location.hash)?.[1];
    if (setup) return setStage({ at: "setup", token: setup });
    const { person, demo } = await whoIsHere(api, {
      failed: () => setStage({ at: "asking", silent: true }),
      pause: (ms) => new Promise((soon) => setTimeout(soon, ms)),
      random: Math.random,
    });
    if (person) enter(person);
    else setStage({ at: "out", demo });
  };
  useEffect(() => void ask(), []);

  switch (stage.at) {
    case "asking":
      if (stage.silent) return <Silent settings={settings} />;
      return <main class="sh-blank" aria-busy="true" aria-label={textsOf(settings.language.value).loading} />;
    case "out":
      return <SignIn api={api} settings={settings} demo={stage.demo} entered={enter} />;
    case "setup":
      return (
        <Setup
          api={api}
          settings={settings}
          token={stage.token}
          entered={(who) => {
            history.replaceState(null, "", location.pathname);
            enter(who);
          }}
        />
      );
    case "in":
      return <AtDesk key={stage.desk.store.agent} desk={stage.desk} settings={settings} left={() => void ask()} />;
  }
}

function AtDesk({ desk, settings, left }: { desk: Desk; settings: Settings; left: () => void }) {
  useEffect(() => {
    desk.start();
    const leave = keepAddress(desk, browserBar());
    const quiet = watchRings(desk, settings);
    const nudge = () => !document.hidden && desk.socket.nudge();
    window.addEventListener("online", nudge);
    document.addEventListener("visibilitychange", nudge);
    return () => {
      window.removeEventListener("online", nudge);
      document.removeEventListener("visibilitychange", nudge);
      quiet();
      leave();
      desk.dispose();
    };
  }, [desk]);
  const signOut = async () => {
    desk.drafts.clear();
    await desk.api.signOut().catch(() => undefined);
    left();
  };
  return <Shell desk={desk} settings={settings} signOut={signOut} />;
}

/** Writes language, theme and whether single keys count to the page. */
function useLook(settings: Settings): void {
  useSignalEffect(() => {
    const root = document.documentElement;
    root.lang = settings.language.value;
    if (settings.theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = settings.theme.value;
    root.dataset.keys = settings.keys.value ? "on" : "off";
    settings.save();
  });
}

function openLine(): Line {
  return new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/console`) as Line;
}

/** For pages without TLS, which have no randomUUID. */
function randomID(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
