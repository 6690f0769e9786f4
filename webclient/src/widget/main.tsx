// The widget: mounted by the loader into its shadow root, opened by the launcher.

import { chatWindow } from "./window";

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
  const { root, button, bases, site, german } = m;
  const { default: t } = await (german ? import("./texts/de") : import("./texts/en"));
  const badge = document.createElement("span");
  button.append(badge);
  const window = chatWindow({
    ...{ root, bases, site, shelf: site },
    t: () => t,
    language: () => (german ? "de" : "en"),
    privacy: m.privacy ?? "",
    async calls(o) {
      const loading = german ? import("./texts/call-de") : import("./texts/call-en");
      const part = await import("./call.late");
      const words = (await loading).default;
      return part.default({ ...o, t: () => words });
    },
    closed() {
      button.hidden = false;
      button.focus();
      if (!chat.talk.begun) chat.line.stop(); // nothing to wait for
    },
    painted() {
      const { unread } = chat.talk;
      const time = chat.call?.badge;
      button.hidden = window.dialog.open;
      badge.className = time ? "badge on" : "badge";
      badge.hidden = !unread && !time;
      badge.textContent = time || (unread > 9 ? "9+" : String(unread));
      badge.ariaLabel = time ? null : t.unread(unread);
    },
  });
  const { chat } = window;
  window.paint();
  await new Promise((later) => setTimeout(later)); // to open is a task of its own: a slow phone stays responsive
  return window;
}
