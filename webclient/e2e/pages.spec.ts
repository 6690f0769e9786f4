// Every page in every look: checked by axe, and photographed into e2e/shots, which git ignores.

import AxeBuilder from "@axe-core/playwright";
import { type Browser, expect, type Page, test } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, openWidget, person, say } from "./people";

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});

const looks = [
  { name: "desktop-light", viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  { name: "desktop-dark", viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  { name: "phone-light", viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true },
  { name: "phone-dark", viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true },
] as const;

async function look(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(300); // the end of transitions, for the picture
  await page.screenshot({ path: `e2e/shots/${name}.png` });
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)).toEqual([]);
}

async function visitorSays(browser: Browser, options: object, text: string): Promise<Page> {
  const { page } = await person(browser, options);
  await page.goto(g.world);
  await openWidget(page);
  await say(page, text);
  return page;
}

for (const { name, ...options } of looks) {
  test(`pages in ${name}`, async ({ browser }) => {
    test.setTimeout(120_000);
    const reduced = { ...options, reducedMotion: "reduce" as const };
    const visitor = await person(browser, reduced);
    await visitor.page.goto(g.world);
    await expect(visitor.page.getByTestId("launcher")).toBeVisible();
    await look(visitor.page, `company-${name}`);
    await openWidget(visitor.page);
    await look(visitor.page, `widget-offline-${name}`);

    const signin = await person(browser, reduced);
    await signin.page.goto(g.url);
    await expect(signin.page.getByTestId("signin-jana")).toBeVisible();
    await look(signin.page, `signin-${name}`);
    await signin.context.close();

    const jana = await agent(browser, g, "jana", reduced);
    await look(jana.page, `inbox-${name}`);
    const other = await visitorSays(browser, reduced, "Good morning, is anybody there?");
    await expect(jana.page.getByTestId("offer")).toBeVisible();
    await look(jana.page, `ringing-${name}`);
    await accept(jana.page);
    await say(jana.page, "Good morning. How can I help?");
    await say(other, "My delivery 48 211 should have been here at eight.");
    await say(jana.page, "I see it near Soltau; it will be with you at 11:20.");
    await look(jana.page, `thread-${name}`);
    await look(other, `widget-chat-${name}`);
    await jana.page.getByTestId("close").click();
    await jana.context.close();
    await other.context().close();

    const phone = await person(browser, reduced);
    await phone.page.goto(`${g.world}/simulator`);
    await look(phone.page, `simulator-${name}`);
    // Not looked at by axe, which waits for ever in a frame that has no scripts.
    await phone.page.getByRole("button", { name: "Send link" }).click();
    await expect(phone.page.frameLocator(".mail iframe").getByRole("link", { name: /^Call/ })).toBeVisible();
    await phone.page.screenshot({ path: `e2e/shots/mailbox-${name}.png` });
    await phone.context.close();
    await visitor.context.close();
  });
}
