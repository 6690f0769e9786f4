// The page of a meeting's link. Opening it does nothing but connect.

import { render } from "preact";
import { peer } from "../shared/media";
import { brand } from "../widget/colour";
import { Meeting } from "./meeting";
import "./meet.css";
import { Page } from "./page";
import type { Wire } from "./socket";
import type { Texts } from "./texts/en";

type Language = "de" | "en";

const LANGUAGE = "backline:language";

async function read(language: Language): Promise<Texts> {
  return (await (language === "de" ? import("./texts/de") : import("./texts/en"))).default;
}

/** What this tab keeps; storage may be refused. */
const shelf = {
  get(key: string): string {
    try {
      return sessionStorage.getItem(key) ?? "";
    } catch {
      return "";
    }
  },
  set(key: string, value: string): void {
    try {
      sessionStorage.setItem(key, value);
    } catch {
      // it is forgotten with the page
    }
  },
};

/** What was chosen before, else the browser's language, else the company's. */
function preferred(): Language {
  const wanted = [shelf.get(LANGUAGE), ...navigator.languages, document.documentElement.lang];
  return wanted.map((l) => l.slice(0, 2).toLowerCase()).find((l) => l === "de" || l === "en") === "de" ? "de" : "en";
}

async function start(app: HTMLElement): Promise<void> {
  let language = preferred();
  let t = await read(language);
  const link = location.pathname.split("/")[2] ?? "";
  const seat = `meet:${link.slice(-12)}`; // enough to keep links apart, not enough to use one
  const meeting = new Meeting({
    open: () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/meet`) as Wire,
    peer,
    link,
    host: location.hash === "#host",
    language: () => language,
    shelf: { get: () => shelf.get(seat), set: (s) => shelf.set(seat, s) },
  });
  const dark = matchMedia("(prefers-color-scheme:dark)");
  const draw = () => {
    const w = meeting.welcome.value;
    const company = w?.company.name || app.dataset.company || "";
    const page = document.documentElement;
    page.style.setProperty(
      "--brand",
      brand(w?.company.color || app.dataset.color || "", dark.matches, dark.matches ? 6 : 4.5).fill,
    );
    page.lang = language;
    document.title = [t.title, company].filter(Boolean).join(" · ");
    const speak = () => {
      language = language === "de" ? "en" : "de";
      shelf.set(LANGUAGE, language);
      void read(language).then((texts) => {
        t = texts;
        draw();
      });
    };
    render(<Page meeting={meeting} company={company} t={t} language={language} speak={speak} />, app);
  };
  app.textContent = ""; // what stands there without JavaScript
  meeting.welcome.subscribe(draw);
  dark.addEventListener("change", draw);
  addEventListener("online", () => meeting.nudge());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && meeting.nudge());
  (navigator as { connection?: EventTarget }).connection?.addEventListener?.("change", () => meeting.nudge());
  awake(meeting);
  meeting.start();
}

/** Keeps the screen on during a meeting; the browser lets go of that whenever the page is hidden. */
function awake(meeting: Meeting): void {
  let lamp: WakeLockSentinel | undefined;
  const look = () => {
    if (meeting.at.value !== "in") {
      void lamp?.release();
      lamp = undefined;
    } else if (document.visibilityState === "visible" && (!lamp || lamp.released)) {
      navigator.wakeLock?.request().then(
        (l) => {
          lamp = l;
        },
        () => {}, // low battery; the meeting does not depend on it
      );
    }
  };
  meeting.at.subscribe(look);
  document.addEventListener("visibilitychange", look);
}

const app = document.getElementById("app");
if (app) void start(app);
