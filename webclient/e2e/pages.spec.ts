// Every page in every look.

import { type Browser, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { camera, looks } from "./look";
import { accept, agent, message, openWidget, person, say } from "./people";
import { test } from "./test";

let g: Gateway;
test.beforeEach(async () => {
  g = await Gateway.demo();
});
test.afterEach(async () => {
  await g.stop();
});

async function phoneSays(browser: Browser, kind: string, text: string): Promise<void> {
  const { page, context } = await person(browser);
  await page.goto(`${g.world}/simulator`);
  const device = page.locator(`[data-kind=${kind}]`);
  await device.getByRole("textbox").fill(text);
  await device.getByRole("button", { name: "Send", exact: true }).click();
  await expect(device.getByText(text).first()).toBeVisible();
  await context.close();
}

/** On a phone: back to the list. */
async function toList(page: Page): Promise<void> {
  if (await page.getByTestId("back").isVisible()) await page.getByTestId("back").click();
}

async function leave(page: Page): Promise<void> {
  await toList(page);
  await page.getByTestId("presence").click();
  await page.getByTestId("presence-away").click();
  await expect(page.getByTestId("presence")).toHaveAttribute("data-presence", "away");
}

for (const { name, ...options } of looks) {
  const reduced = { ...options, reducedMotion: "reduce" as const };
  const look = camera(name);

  test(`what customers see in ${name}`, async ({ browser }) => {
    test.setTimeout(240_000);
    const { page, context } = await person(browser, reduced);
    await page.goto(g.world);
    await expect(page.getByTestId("launcher")).toBeVisible();
    await look(page, "company");
    await openWidget(page);
    await expect(page.getByTestId("offline-form")).toBeVisible();
    await look(page, "widget-offline");
    await page.getByTestId("offline-send").click();
    await expect(page.getByTestId("offline-form").getByRole("alert")).toBeVisible();
    await look(page, "widget-offline-wrong");
    await page.getByTestId("offline-message").fill("Where is delivery 48 211?");
    await page.getByTestId("offline-email").fill("ann@example.org");
    await page.getByTestId("offline-send").click();
    await expect(message(page, "Where is delivery 48 211?")).toBeVisible();
    await look(page, "widget-offline-sent");

    const jana = await agent(browser, g, "jana");
    await accept(jana.page);
    await say(
      jana.page,
      "Good morning, I see it near Soltau. It will be with you at 11:20; the driver has your number.",
    );
    await expect(message(page, "near Soltau")).toBeVisible();
    await say(page, "Thank you");
    await jana.page.getByTestId("composer").pressSequentially("You are");
    await look(page, "widget-chat");
    await page.getByTestId("settings").click();
    await look(page, "widget-settings");
    await page.getByTestId("settings").click();
    await jana.page.getByTestId("close").click();
    await expect(page.getByTestId("again")).toBeVisible();
    await look(page, "widget-closed");
    await page.getByTestId("again").click();
    await say(page, "One more thing");
    await expect(jana.page.getByTestId("offer")).toBeVisible();
    await look(page, "widget-waiting");
    await jana.page.getByTestId("take").click(); // on a slow machine it has rung out by now
    await jana.page.getByTestId("close").click();
    await leave(jana.page);
    await jana.context.close();

    await page.goto(`${g.world}/simulator`);
    await look(page, "simulator");
    // Not looked at by axe, which waits for ever in a frame that has no scripts.
    await page.getByRole("button", { name: "Send link" }).click();
    await expect(page.frameLocator(".mail iframe").getByRole("link", { name: /^Call/ })).toBeVisible();
    await look(page, "mailbox", false);
    await context.close();
  });

  test(`what agents see in ${name}`, async ({ browser }) => {
    test.setTimeout(240_000);
    const signin = await person(browser, reduced);
    await signin.page.goto(g.url);
    await expect(signin.page.getByTestId("signin-jana")).toBeVisible();
    await look(signin.page, "signin");
    await signin.context.close();

    const jana = await agent(browser, g, "jana", reduced);
    const { page } = jana;
    await look(page, "inbox");
    await page.getByTestId("presence").click();
    await look(page, "settings");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await look(page, "keys");
    await page.keyboard.press("Escape");

    await phoneSays(browser, "sms", "Is gate 4 open for the 11:00 pick-up?");
    await accept(page);
    await toList(page);
    await phoneSays(browser, "messenger", "Good morning, we have been trying to reach you by phone since nine.");
    await expect(page.getByTestId("offer")).toBeVisible();
    await look(page, "ringing");
    await accept(page);
    await say(page, "Good morning Mr Kolbe. Our phone is down, your truck is not: 48 211 left Soltau at 09:20.");
    await page.getByTestId("note-tab").click();
    await say(page, "Driver says 11:20 at the latest.");
    await look(page, "thread");
    if (await page.getByTestId("back").isVisible()) {
      await page.locator(".th-context").click();
      await look(page, "context");
      await page.locator(".sh-context-close").click();
    }
    await page.getByTestId("transfer").click();
    await look(page, "transfer");
    await page.keyboard.press("Escape");
    await page.getByTestId("composer").fill("/");
    await look(page, "replies");
    await page.getByTestId("composer").fill("");
    await page.getByTestId("close").click();
    await toList(page);
    await page.getByTestId("search").fill("gate");
    await expect(page.getByTestId("search-result").first()).toBeVisible();
    await look(page, "search");
    await page.getByTestId("search").fill("");
    await page.getByTestId("tab-done").click();
    await expect(page.getByTestId("conversation").first()).toBeVisible();
    await look(page, "done");
    await page.getByTestId("tab-mine").click();
    await page.getByTestId("conversation").first().click();
    await page.getByTestId("close").click();
    await leave(page);
    await look(page, "away");
    await jana.context.close();
  });
}
