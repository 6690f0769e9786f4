// The window of the chat: a dialog in a shadow root, with the chat behind it and what the browser tells of the page.

import { createRef, render } from "preact";
import { App } from "./app";
import type { Calls } from "./calls";
import { Chat } from "./chat";
import { brand } from "./colour";
import type { Line } from "./connection";
import { Keep } from "./keep";
import { dress, type Kit, kit } from "./late";
import type { Texts } from "./texts/en";
import css from "./widget.css?text";

export interface WindowOptions {
  root: ShadowRoot;
  /** Gateways, the one that answered first. */
  bases: string[];
  site: string;
  /** The token of a signed link, whose page this is. */
  link?: string | undefined;
  /** Under which name things are kept in this browser. */
  shelf: string;
  /** The texts and the language of this moment: de, en. */
  t(): Texts;
  language(): string;
  /** The address of the privacy notice; "" when there is none. */
  privacy: string;
  /** Loads the part for calls. */
  calls(o: CallSurroundings): Promise<Calls>;
  /** The window was closed by hand. */
  closed(): void;
  /** Something has changed; the window itself is painted. */
  painted(): void;
}

/** What the part for calls needs of its surroundings. */
export interface CallSurroundings {
  chat: Chat;
  kit: Kit;
  language(): string;
  show(): void;
  changed(): void;
}

export interface ChatWindow {
  dialog: HTMLDialogElement;
  chat: Chat;
  open(): void;
  close(): void;
  paint(): void;
}

export function chatWindow(o: WindowOptions): ChatWindow {
  const { root } = o;
  const dialog = document.createElement("dialog");
  dialog.dataset.testid = "dialog";
  root.append(dialog);
  dress(css)(dialog);
  const keep = new Keep(
    o.shelf,
    () => sessionStorage,
    () => localStorage,
  );
  const app = createRef<App>();
  const phone = matchMedia("(max-width:599.98px)");
  const dark = matchMedia("(prefers-color-scheme:dark)");

  let drawing = false;
  const changed = () => {
    if (drawing) return;
    drawing = true;
    queueMicrotask(() => {
      drawing = false;
      paint();
    });
  };
  const chat: Chat = new Chat({
    ...o,
    page: () => (o.link ? "" : location.pathname),
    looking: () => dialog.open && document.visibilityState === "visible",
    dial: (url) => new WebSocket(url) as Line,
    keep,
    rang() {
      if (!chat.talk.sound || (dialog.open && document.hasFocus())) return;
      import("./sound").then((sound) => sound.ring()).catch(() => {}); // it stays silent
    },
    changed,
    calls: () => o.calls({ chat, kit, changed, language: o.language, show: () => open(false) }),
  });
  const paint = () => {
    const { name, color } = chat.company;
    if (name) {
      const { fill, ink } = brand(color, dark.matches);
      const { style } = root.host as HTMLElement;
      style.setProperty("--brand", fill);
      style.setProperty("--brand-ink", ink);
    }
    const t = o.t();
    const language = o.language();
    dialog.lang = language;
    dialog.ariaLabel = t.dialog(name);
    render(<App handle={app} {...{ chat, keep, t, language, close }} privacy={o.privacy} />, dialog);
    o.painted();
  };

  /** Full screen and modal on phones; beside the page elsewhere. byHand: the focus may move. */
  const show = (byHand: boolean) => {
    if (dialog.open) dialog.close();
    if (phone.matches) dialog.showModal();
    else dialog.open = true; // show() would take the focus from the page after a reload
    o.painted();
    fit();
    if (!byHand) return;
    if (phone.matches) dialog.querySelector("h1")?.focus();
    else app.current?.focus();
  };
  const open = (byHand = !keep.get("open")) => {
    keep.set("open", true);
    chat.line.start();
    paint();
    if (!dialog.open) show(byHand);
    chat.looked();
  };
  const close = () => {
    keep.set("open", undefined);
    dialog.close();
    o.closed();
    changed();
  };

  /** The keyboard of a phone leaves less than the screen. */
  const fit = () => {
    const seen = window.visualViewport;
    dialog.style.cssText = phone.matches && seen ? `height:${seen.height}px;top:${seen.offsetTop}px` : "";
  };
  visualViewport?.addEventListener("resize", fit);
  visualViewport?.addEventListener("scroll", fit);
  phone.addEventListener("change", () => dialog.open && show(false));
  dark.addEventListener("change", changed);
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
  return { dialog, chat, open: () => open(), close, paint };
}
