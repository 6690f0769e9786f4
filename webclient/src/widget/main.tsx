// The widget: mounted by the loader into its shadow root, opened by the launcher.

import { createRef, render } from "preact";
import { App } from "./app";
import { Chat } from "./chat";
import { brand } from "./colour";
import type { Line } from "./connection";
import { Keep } from "./keep";
import css from "./widget.css?text";

export interface Mount {
  host: HTMLElement;
  root: ShadowRoot;
  /** The launcher. */
  button: HTMLButtonElement;
  /** Gateways, the one that answered first. */
  bases: string[];
  site: string;
  german: boolean;
  privacy?: string;
}

/** What the loader gets. */
export interface Widget {
  open(): void;
  close(): void;
}

export async function mount(m: Mount): Promise<Widget> {
  const { default: t } = await (m.german ? import("./texts/de") : import("./texts/en"));
  const { root, button, host } = m;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  const dialog = document.createElement("dialog");
  dialog.dataset.testid = "dialog";
  dialog.lang = m.german ? "de" : "en";
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.hidden = true;
  button.append(badge);
  root.append(dialog);

  const keep = new Keep(
    m.site,
    () => sessionStorage,
    () => localStorage,
  );
  const app = createRef<App>();
  const phone = matchMedia("(max-width:599.98px)");
  const dark = matchMedia("(prefers-color-scheme:dark)");
  const chat: Chat = new Chat({
    bases: m.bases,
    site: m.site,
    language: dialog.lang,
    page: () => location.pathname,
    looking: () => dialog.open && document.visibilityState === "visible",
    dial: (url) => new WebSocket(url) as Line,
    keep,
    rang: () => {
      if (!chat.talk.sound || (dialog.open && document.hasFocus())) return;
      import("./sound").then((sound) => sound.ring()).catch(() => {}); // it stays silent
    },
    changed: () => draw(),
  });

  let drawing = false;
  const draw = () => {
    if (drawing) return;
    drawing = true;
    queueMicrotask(() => {
      drawing = false;
      paint();
    });
  };
  const paint = () => {
    const { fill, ink } = brand(chat.company.color, dark.matches);
    if (chat.company.name) {
      host.style.setProperty("--brand", fill);
      host.style.setProperty("--brand-ink", ink);
    }
    dialog.ariaLabel = t.dialog(chat.company.name);
    const unread = chat.talk.unread;
    badge.hidden = !unread;
    badge.textContent = unread > 9 ? "9+" : String(unread);
    badge.ariaLabel = t.unread(unread);
    const privacy = m.privacy ?? "";
    render(<App handle={app} {...{ chat, keep, t, privacy, close }} german={m.german} />, dialog);
  };

  /** Full screen and modal on phones; beside the page elsewhere. byHand: the focus may move. */
  const show = (byHand: boolean) => {
    if (dialog.open) dialog.close();
    if (phone.matches) dialog.showModal();
    else dialog.open = true; // show() would take the focus from the page after a reload
    button.hidden = true;
    fit();
    if (!byHand) return;
    if (phone.matches) dialog.querySelector("h1")?.focus();
    else app.current?.focus();
  };
  const open = () => {
    const byHand = !keep.get("open");
    keep.set("open", true);
    chat.line.start();
    paint();
    if (!dialog.open) show(byHand);
    chat.looked();
  };
  const close = () => {
    keep.set("open", undefined);
    dialog.close();
    button.hidden = false;
    button.focus();
    if (!chat.talk.begun) chat.line.stop(); // nothing to wait for
    draw();
  };

  /** The keyboard of a phone leaves less than the screen. */
  const fit = () => {
    const seen = window.visualViewport;
    dialog.style.cssText = phone.matches && seen ? `height:${seen.height}px;top:${seen.offsetTop}px` : "";
  };
  visualViewport?.addEventListener("resize", fit);
  visualViewport?.addEventListener("scroll", fit);
  phone.addEventListener("change", () => dialog.open && show(false));
  dark.addEventListener("change", draw);
  dialog.addEventListener("cancel", (e) => {
    e.preventDefault();
    close();
  });
  dialog.addEventListener("keydown", (e) => {
    e.stopPropagation(); // the page's single-key commands are not meant
    if (e.key === "Escape" && !e.defaultPrevented) close();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") chat.line.probe(false);
    chat.looked();
  });
  addEventListener("online", () => chat.line.probe(true));
  addEventListener("offline", () => chat.line.probe(false));

  if (chat.talk.begun) chat.line.start();
  paint();
  return { open, close };
}
