// What an agent has chosen for this browser: language, light or dark, sound, keys. Kept in the browser.

import { type Signal, signal } from "@preact/signals-core";
import type { Shelf } from "./drafts";
import { isFields, parse } from "./guard";

export type Language = "de" | "en";
export type Theme = "system" | "light" | "dark";

const KEY = "backline.settings";

export class Settings {
  readonly language: Signal<Language>;
  readonly theme: Signal<Theme>;
  readonly sound: Signal<boolean>;
  /** Single keys are commands. Who dictates, or strikes keys by accident, turns them off (WCAG 2.1.4). */
  readonly keys: Signal<boolean>;

  constructor(
    private readonly shelf: Shelf | null,
    browserLanguage: string,
  ) {
    const kept = this.read();
    const german = kept.language ? kept.language === "de" : browserLanguage.toLowerCase().startsWith("de");
    this.language = signal(german ? "de" : "en");
    this.theme = signal(kept.theme === "light" || kept.theme === "dark" ? kept.theme : "system");
    this.sound = signal(kept.sound !== false);
    this.keys = signal(kept.keys !== false);
  }

  save(): void {
    const { language, theme, sound, keys } = this;
    const kept = { language: language.value, theme: theme.value, sound: sound.value, keys: keys.value };
    try {
      this.shelf?.setItem(KEY, JSON.stringify(kept));
    } catch {
      // no room: it lasts as long as the page
    }
  }

  private read(): Record<string, unknown> {
    try {
      const v = parse(this.shelf?.getItem(KEY) ?? "{}");
      return isFields(v) ? v : {};
    } catch {
      return {};
    }
  }
}

/** The page's own storage, or none where the browser refuses it. */
export function localShelf(): Shelf | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
