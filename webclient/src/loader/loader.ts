// The script that websites embed: it draws the launcher and, when somebody wants the chat, finds a gateway that
// answers and loads the widget from it. Nothing is asked of any server before that, and nothing is stored.
//
//   <script async src="https://contact.example.org/widget.js" data-site="shop"></script>
//
// data-site       the site's name in the gateway's configuration
// data-endpoints  further gateways, separated by commas or spaces; the script's own is the first
// data-language   de or en; else the page's, else the browser's
// data-label      the launcher's text
// data-color      the launcher's colour until the gateway has told the company's
// data-contact    where to turn when no gateway answers: mailto:…, tel:… or https://…
// data-privacy    the address of the company's privacy notice

/** Path of the widget's module; set when this is bundled. */
declare const WIDGET: string;

interface Chat {
  open(): void;
}

type Page = Window & { Backline?: Chat | undefined };

(() => {
  const page: Page = window;
  const script = (document.currentScript ?? document.querySelector("script[data-site]")) as HTMLScriptElement | null;
  if (!script || page.Backline) return;
  const data = script.dataset;
  const site = data.site ?? "";
  const bases = [script.src.replace(/\/[^/]*$/, ""), ...(data.endpoints ?? "").split(/[\s,]+/)]
    .map((base) => base.replace(/\/+$/, ""))
    .filter((base, i, all) => base && all.indexOf(base) === i);
  const language = data.language || document.documentElement.lang || navigator.language;
  const german = /^de/i.test(language);

  const element = document.createElement.bind(document);
  const host = element("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    ":host{all:initial!important;position:fixed!important;inset:auto 0 0 auto!important;z-index:2147483647!important}" +
      "@media print{:host{display:none!important}}" +
      ".l,.n{position:fixed;inset:auto 20px max(20px,env(safe-area-inset-bottom)) auto;border-radius:28px;box-shadow:0 8px 28px -6px #12181a73;font:600 16px/24px system-ui,sans-serif}" +
      ".l:not([hidden]){display:flex;align-items:center;gap:10px;height:56px;padding:0 22px 0 18px;border:1px solid #fff3;cursor:pointer;background:var(--brand,#12181a);color:var(--brand-ink,#fff)}" +
      ".l:focus-visible{outline:3px solid #58b9ca;outline-offset:3px}.l svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:1.75}" +
      ".n{margin:0 0 68px;padding:12px 20px;max-width:70vw;background:#12181a;color:#fff}.n a{color:#8fd3e0}",
  );
  root.adoptedStyleSheets = [sheet];
  if (data.color) host.style.setProperty("--brand", data.color);
  const button = element("button");
  button.type = "button";
  button.className = "l";
  button.dataset.testid = "launcher";
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", "M21 15a2 2 0 0 1-2 2H8l-5 4V5a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2z");
  svg.ariaHidden = "true";
  svg.append(path);
  button.append(svg, data.label || "Chat");
  const note = element("p");
  note.className = "n";
  note.role = "alert";
  root.append(button);
  (document.body ?? document.documentElement).append(host);

  /** Asks the gateways, the next one after 250 ms or as soon as one fails; the first to answer is taken. */
  const race = () =>
    new Promise<string>((won, lost) => {
      const stop = new AbortController();
      let next = 0;
      let asked = 0;
      const ask = () => {
        const base = bases[next];
        if (base === undefined || stop.signal.aborted) return;
        next++;
        asked++;
        const timer = setTimeout(ask, 250);
        fetch(`${base}/w/site/${site}`, { signal: stop.signal })
          .then((answer) => {
            if (!answer.ok) throw 0;
            won(base);
            stop.abort();
          })
          .catch(() => {
            clearTimeout(timer);
            asked--;
            ask();
            if (!asked) lost();
          });
      };
      ask();
      setTimeout(() => stop.abort(), 9000);
    });

  /** The gateway was upgraded since this script was cached: its own script knows the widget's new name. */
  const renew = (base: string) => {
    const fresh = element("script");
    Object.assign(fresh.dataset, data, { endpoints: bases.join(" "), renewed: "1" });
    fresh.nonce = script.nonce;
    fresh.src = `${base}/widget.js?${Date.now()}`;
    host.remove();
    page.Backline = undefined;
    document.head.append(fresh);
  };

  let tries = 0;
  let loading: Promise<Chat> | undefined;
  const load = () => {
    loading ??= race()
      .then(async (base) => {
        // A browser may remember that a module could not be loaded: ask under another address.
        const address = base + WIDGET + (tries++ ? `?${tries}` : "");
        const widget = await import(address).catch((error) => {
          if (data.renewed) throw error;
          renew(base);
          return new Promise(() => {});
        });
        const first = [base, ...bases.filter((other) => other !== base)];
        return widget.mount({ host, root, button, bases: first, site, german, privacy: data.privacy });
      })
      .catch((error) => {
        loading = undefined;
        throw error;
      });
    return loading as Promise<Chat>;
  };

  const open = () => {
    button.ariaBusy = "true";
    note.remove();
    load()
      .then((chat) => chat.open())
      .catch(() => {
        root.append(note);
        note.textContent = german ? "Der Chat ist gerade nicht erreichbar. " : "The chat cannot be reached right now. ";
        if (!data.contact) return;
        const link = element("a");
        link.href = data.contact;
        link.append(data.contact.replace(/^\w+:(\/\/)?/, ""));
        note.append(link);
      })
      .finally(() => {
        button.ariaBusy = null;
      });
  };
  button.onclick = open;
  // Intent: what a click will need is fetched already.
  button.onpointerenter = button.onfocus = () => void load().catch(() => {});
  page.Backline = { open };

  // A conversation goes on after a change of the page.
  const kept = (name: string) => {
    try {
      return sessionStorage.getItem(`backline:${site}:${name}`) || localStorage.getItem(`backline:${site}:${name}`);
    } catch {
      return null; // storage is refused here
    }
  };
  if (data.renewed || kept("open")) open();
  else if (kept("chat")) load().catch(() => {});
})();
