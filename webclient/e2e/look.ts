// Pages in every look: checked by axe, and photographed into e2e/shots, which git ignores. The dark looks speak
// German.

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

export const looks = [
  { name: "desktop-light", viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  { name: "desktop-dark", viewport: { width: 1440, height: 900 }, colorScheme: "dark", locale: "de-DE" },
  { name: "phone-light", viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true },
  { name: "phone-dark", viewport: { width: 390, height: 844 }, colorScheme: "dark", locale: "de-DE", hasTouch: true },
] as const;

/** A picture of the page, and what axe has to say about it. */
export function camera(look: string) {
  return async (page: Page, name: string, checked = true): Promise<void> => {
    await page.waitForTimeout(300); // the end of transitions, for the picture
    await page.screenshot({ path: `e2e/shots/${name}-${look}.png` });
    if (!checked) return;
    const found = await new AxeBuilder({ page }).analyze();
    expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)).toEqual([]);
  };
}
