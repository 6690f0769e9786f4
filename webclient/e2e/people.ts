// What visitors and agents do, in words of the tests.

import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { type Gateway, password } from "./gateway";

export interface Person {
  context: BrowserContext;
  page: Page;
}

export async function person(browser: Browser, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Person> {
  const context = await browser.newContext(options);
  return { context, page: await context.newPage() };
}

/** Opens the console of a demo, signed in, ready for work. */
export async function agent(browser: Browser, g: Gateway, id: string, options = {}): Promise<Person> {
  const p = await person(browser, options);
  await p.page.goto(g.url);
  await p.page.getByTestId(`signin-${id}`).click();
  await expect(p.page.getByTestId("inbox")).toBeVisible();
  await ready(p.page);
  return p;
}

/** The same with a password. */
export async function agentWithPassword(
  browser: Browser,
  g: { url: string },
  id: string,
  options = {},
): Promise<Person> {
  const p = await person(browser, options);
  await p.page.goto(g.url);
  await p.page
    .getByLabel(/name|agent/i)
    .first()
    .fill(id);
  await p.page.getByLabel(/password/i).fill(password);
  await p.page.getByRole("button", { name: /sign in/i }).click();
  await expect(p.page.getByTestId("inbox")).toBeVisible();
  await ready(p.page);
  return p;
}

/** Sets presence to ready if it is not. */
export async function ready(page: Page): Promise<void> {
  const presence = page.getByTestId("presence");
  if ((await presence.getAttribute("data-presence")) !== "ready") {
    await presence.click();
    await page.getByTestId("presence-ready").click();
  }
  await expect(presence).toHaveAttribute("data-presence", "ready");
}

/** Opens the widget on a page that shows it. */
export async function openWidget(page: Page): Promise<void> {
  await page.getByTestId("launcher").click();
  await expect(page.getByTestId("dialog")).toBeVisible();
}

/** Writes in the open widget or the open thread. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByTestId("composer").fill(text);
  await page.getByTestId("send").click();
  await expect(message(page, text)).toBeVisible();
}

export function message(page: Page, text: string) {
  return page.getByTestId("message").filter({ hasText: text });
}

/** Accepts what rings. */
export async function accept(page: Page): Promise<void> {
  await page.getByTestId("offer-accept").first().click();
  await expect(page.getByTestId("thread")).toBeVisible();
}

/** Every one of these texts is there exactly once, in this order. */
export async function expectTexts(page: Page, texts: string[]): Promise<void> {
  await expect(message(page, texts.at(-1) ?? "")).toBeVisible();
  const seen = (await page.getByTestId("message").allInnerTexts()).flatMap((t) => texts.filter((x) => t.includes(x)));
  expect(seen).toEqual(texts);
}

/** Chooses a file in the open widget or thread. */
export async function attach(page: Page, file: { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await page.getByTestId("attach").click();
  await (await chooser).setFiles(file);
}
