// "Call me back": how, and where to. The place in the queue stays. Loaded when somebody wants it.

import css from "./back.css?text";
import type { Panel, PanelOptions } from "./calls";
import { borrow, dress } from "./own/lent";
import de from "./texts/back-de";
import en, { type BackTexts } from "./texts/back-en";

type Way = "sms" | "email" | "page";

export default (o: PanelOptions): Panel => {
  borrow(o.kit);
  return new Back(o);
};

class Back implements Panel {
  readonly #ways: Way[];
  #way: Way;
  #problem = "";
  #asked: Way | "" = "";
  readonly #dressed = dress(css);

  readonly #o: PanelOptions;

  constructor(o: PanelOptions) {
    this.#o = o;
    this.#ways = (["sms", "email", "page"] as const).filter((w) => o.chat.company.call_back?.includes(w));
    this.#way = this.#ways[0] ?? "page";
  }

  close(): void {}

  get #t(): BackTexts {
    return this.#o.language() === "de" ? de : en;
  }

  readonly #submit = (e: SubmitEvent): void => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const to = String(new FormData(form).get("to") ?? "").trim();
    const t = this.#t;
    this.#problem = wrong(this.#way, to) ? t.wrong[this.#way] : "";
    if (this.#problem) {
      form.querySelector<HTMLElement>("[name=to]")?.focus();
      this.#o.changed();
      return;
    }
    const { chat } = this.#o;
    const call_back = this.#way === "page" ? { way: "page" } : { way: this.#way, to: written(this.#way, to) };
    chat.line.start();
    chat.say(t.asks[this.#way](call_back.to ?? ""), [], false, { call_back });
    if (this.#way === "page") void notify();
    this.#asked = this.#way;
    this.#o.kept(); // the line is not needed any more; the place is
    this.#o.changed();
  };

  view() {
    const t = this.#t;
    return (
      <section ref={this.#dressed} class="panel-way" aria-label={t.title} data-testid="back">
        <h2>{t.title}</h2>
        {this.#asked ? (
          <>
            <p role="status" data-testid="back-state">
              {t.asked[this.#asked]}
            </p>
            <button type="button" data-testid="back-done" onClick={() => this.#o.done()}>
              {t.done}
            </button>
          </>
        ) : (
          this.#form()
        )}
      </section>
    );
  }

  #form() {
    const t = this.#t;
    const way = this.#way;
    return (
      <form class="panel-way" noValidate onSubmit={this.#submit}>
        <p>{t.lead}</p>
        <fieldset aria-label={t.how}>
          {this.#ways.map((w) => (
            <label key={w}>
              <input
                type="radio"
                name="way"
                checked={w === way}
                data-testid={`back-${w}`}
                onChange={() => {
                  this.#way = w;
                  this.#problem = "";
                  this.#o.changed();
                }}
              />
              {t.ways[w]}
            </label>
          ))}
        </fieldset>
        {way === "page" ? (
          <p>{t.page}</p>
        ) : (
          <label key={way} htmlFor="back-to">
            {t.to[way]}
            {way === "sms" ? (
              <input {...FIELD} type="tel" autocomplete="tel" defaultValue={prefix(navigator.language)} />
            ) : (
              <input {...FIELD} type="email" autocomplete="email" />
            )}
          </label>
        )}
        {this.#problem && (
          <p role="alert" data-testid="back-problem">
            {this.#problem}
          </p>
        )}
        <button type="submit" class="go" data-testid="back-send">
          {t.send}
        </button>
        <button type="button" data-testid="back-back" onClick={() => this.#o.done()}>
          {t.back}
        </button>
      </form>
    );
  }
}

const FIELD = { id: "back-to", class: "field", name: "to", maxLength: 254, "data-testid": "back-to" };

/** How numbers begin where the browser says it is. */
function prefix(language: string): string {
  const region = language.split("-")[1] ?? language.toUpperCase();
  const codes: Record<string, string> = { DE: "+49 ", AT: "+43 ", CH: "+41 ", GB: "+44 ", US: "+1 ", CA: "+1 " };
  return codes[region] ?? "+";
}

/** A number with its country, as few characters as there can be. The gateway knows more and has the last word. */
function wrong(way: Way, to: string): boolean {
  if (way === "sms") return !/^\+\d{7,15}$/.test(written(way, to));
  return way === "email" && !/^[^\s@]+@[^\s@]+$/.test(to);
}

/** 0049 is +49, and +49 (0)171 is +49 171. */
function written(way: Way, to: string): string {
  if (way !== "sms") return to;
  return to
    .replace(/\(0\)/, "")
    .replace(/[\s()/.-]/g, "")
    .replace(/^00/, "+");
}

/** Lets this page be heard of when it is hidden. */
async function notify(): Promise<void> {
  try {
    await Notification.requestPermission();
  } catch {
    // no such thing here: it rings, and the title says so
  }
}
