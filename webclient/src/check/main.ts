// The page of a one-time link from `backline doctor rtc`: tries every way, one after the other, and tells the
// gateway, which tells the command. Opening it does nothing: scanners open links, people press buttons.

import type { ICEServer } from "../shared/protocol";
import { tryWay, type Way, type WayResult } from "../shared/ways";
import "./check.css";
import { texts } from "./texts";

interface Started {
  key: string;
  paths: Way[];
  ice: ICEServer[] | null;
}

class Refusal extends Error {
  constructor(readonly status: number) {
    super(String(status));
  }
}

const t = texts(navigator.languages);

async function ask<T>(what: string, body: object): Promise<T> {
  const headers = { "content-type": "application/json" };
  const r = await fetch(`${location.pathname}/${what}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!r.ok) throw new Refusal(r.status);
  return (r.status === 204 ? undefined : await r.json()) as T;
}

function element(tag: string, className: string, text: string): HTMLElement {
  const e = document.createElement(tag);
  e.className = className;
  e.textContent = text;
  return e;
}

class Page {
  readonly #rows = new Map<Way, HTMLElement>();
  readonly #list = element("ul", "ways", "");
  readonly #status = element("p", "status", "");
  readonly #start = element("button", "start", t.start) as HTMLButtonElement;

  constructor(app: HTMLElement) {
    document.title = t.title;
    document.documentElement.lang = t.lang;
    const main = document.createElement("main");
    this.#status.setAttribute("role", "status");
    this.#start.type = "button";
    this.#start.dataset.testid = "start";
    this.#start.onclick = () => void this.#run();
    main.append(element("h1", "", t.title), element("p", "lead", t.lead), this.#start, this.#list, this.#status);
    app.replaceChildren(main);
  }

  async #run(): Promise<void> {
    this.#start.disabled = true;
    this.#start.textContent = t.running;
    try {
      const { key, paths, ice } = await ask<Started>("start", {});
      for (const way of paths) this.#row(way);
      const results: WayResult[] = [];
      for (const way of paths) results.push(await this.#try(way, key, ice ?? []));
      this.#end(results.every((r) => r.ok) ? t.done : t.doneSome);
    } catch (e) {
      const status = e instanceof Refusal ? e.status : 0;
      this.#end(status === 409 ? t.used : status === 404 ? t.over : t.away);
    }
  }

  async #try(way: Way, key: string, ice: ICEServer[]): Promise<WayResult> {
    this.#show(way, "tries", t.tries);
    const offer = async (path: Way, sdp: string) => (await ask<{ sdp: string }>("offer", { key, path, sdp })).sdp;
    const report = (r: WayResult) => ask<void>("result", { key, ...r });
    const result = await tryWay(way, { offer, ice, report });
    this.#show(way, result.ok ? "works" : "blocked", result.ok ? t.works(result.ms) : t.blocked);
    return result;
  }

  #row(way: Way): void {
    const row = document.createElement("li");
    row.append(element("span", "name", t.ways[way]), element("span", "is", t.waits));
    row.dataset.way = way;
    this.#rows.set(way, row);
    this.#list.append(row);
  }

  #show(way: Way, state: string, text: string): void {
    const row = this.#rows.get(way);
    if (!row) return;
    row.dataset.state = state;
    const is = row.querySelector(".is");
    if (is) is.textContent = text;
  }

  #end(text: string): void {
    this.#start.remove();
    this.#status.textContent = text;
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => {
  document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
};
dark.addEventListener("change", paint);
paint();
const app = document.getElementById("app");
if (app) new Page(app);
