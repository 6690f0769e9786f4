// The page of a signed link: calls the company, or writes to it. Opening it does nothing but connect.

import { render } from "preact";
import { Watch } from "../shared/call-quality";
import { CallPart } from "../widget/call.late";
import { brand } from "../widget/colour";
import { type ChatWindow, chatWindow } from "../widget/window";
import "./talk.css";
import { Page } from "./page";
import type { Words } from "./words/words";

const QUALITY_EVERY_MS = 3000;
const LANGUAGE = "backline:language";

type Language = "de" | "en";

async function read(language: Language): Promise<Words> {
  return (await (language === "de" ? import("./words/de") : import("./words/en"))).default;
}

/** The page: its texts, its chat, and what is drawn of them. */
class Talk {
  #language = preferred();
  readonly #window: ChatWindow;
  readonly #watch = new Watch();
  readonly #dark = matchMedia("(prefers-color-scheme:dark)");

  readonly #app: HTMLElement;
  #words: Words;

  static async open(app: HTMLElement): Promise<void> {
    new Talk(app, await read(preferred()));
  }

  private constructor(app: HTMLElement, words: Words) {
    this.#app = app;
    this.#words = words;
    app.textContent = ""; // what stands there without JavaScript
    const host = document.createElement("div");
    document.body.append(host);
    const link = location.pathname.split("/")[2] ?? "";
    this.#window = chatWindow({
      root: host.attachShadow({ mode: "open" }),
      bases: [location.origin],
      site: "link:",
      link,
      shelf: `link:${link.slice(-12)}`, // enough to keep links apart, not enough to use one
      t: () => this.#words.chat,
      language: () => this.#language,
      privacy: "",
      calls: async (o) =>
        new CallPart({ ...o, show: () => {}, write: () => this.#window.open(), t: () => this.#words.call }),
      closed: () => app.querySelector<HTMLElement>("[data-testid=write]")?.focus(),
      painted: () => this.#paint(),
    });
    const { chat } = this.#window;
    setInterval(() => void this.#watch.look(this.#talking), QUALITY_EVERY_MS);
    void chat.calls();
    chat.line.start();
    this.#window.paint();
  }

  get #call(): CallPart | undefined {
    return this.#window.chat.call as CallPart | undefined;
  }

  /** The connection, while people talk. */
  get #talking(): RTCPeerConnection | undefined {
    return this.#call?.phase.is === "talking" ? this.#call.line.peer : undefined;
  }

  async #speak(): Promise<void> {
    const { chat, paint } = this.#window;
    const other = this.#language === "de" ? "en" : "de";
    this.#words = await read(other);
    this.#language = other;
    keep(other);
    if (!chat.status?.call) {
      chat.line.stop(); // the next hello tells the gateway
      chat.line.start();
    }
    paint();
  }

  #paint(): void {
    const { chat, dialog, open } = this.#window;
    const { name, color } = chat.company.name ? chat.company : known(this.#app);
    const dark = this.#dark.matches;
    const page = document.documentElement;
    page.style.setProperty("--brand", brand(color, dark, dark ? 6 : 4.5).fill);
    page.lang = this.#language;
    document.title = name || "Backline";
    this.#app.className = dialog.open ? "beside" : "";
    render(
      <Page
        chat={chat}
        call={this.#call}
        company={name}
        quality={this.#watch.word}
        words={this.#words}
        language={this.#language}
        speak={() => void this.#speak()}
        write={open}
      />,
      this.#app,
    );
  }
}

/** What the gateway has put into the page. */
function known(app: HTMLElement): { name: string; color: string } {
  return { name: app.dataset.company ?? "", color: app.dataset.color ?? "" };
}

/** What was chosen before, else the browser's language, else the company's. */
function preferred(): Language {
  let wanted = [...navigator.languages, document.documentElement.lang];
  try {
    wanted = [sessionStorage.getItem(LANGUAGE) ?? "", ...wanted];
  } catch {
    // storage is refused here
  }
  return wanted.map((l) => l.slice(0, 2).toLowerCase()).find((l) => l === "de" || l === "en") === "de" ? "de" : "en";
}

function keep(language: string): void {
  try {
    sessionStorage.setItem(LANGUAGE, language);
  } catch {
    // it is forgotten with the page
  }
}

const app = document.getElementById("app");
if (app) void Talk.open(app);
