import { type Browser, expect, type Page } from "@playwright/test";
import { Cluster } from "./cluster";
import { accept, agentWithPassword, openWidget, person } from "./people";
import { Site } from "./site";
import { expectSound, heard, listen } from "./sound";
import { test } from "./test";

const microphone = { permissions: ["microphone"] };

async function console(browser: Browser, c: Cluster): Promise<Page> {
  const { page, context } = await agentWithPassword(browser, c, "jana", microphone);
  await listen(context);
  await page.reload();
  await expect(page.getByTestId("inbox")).toBeVisible();
  return page;
}

async function caller(browser: Browser, site: Site): Promise<Page> {
  const { page, context } = await person(browser, microphone);
  await listen(context);
  await page.goto(site.origin);
  await openWidget(page);
  await page.getByTestId("call").click();
  await expect(page.locator("[data-phase=waiting]").first()).toBeVisible();
  return page;
}

/** How many connections a page has made. */
const made = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { connections: unknown[] }).connections.length);

/** Waits until the page hears something on a connection that it did not have. */
async function hearsAgain(page: Page, before: number): Promise<void> {
  await expect
    .poll(async () => (await made(page)) > before && (await heard(page)).energy > 0.01, {
      intervals: [25],
      timeout: 20_000,
    })
    .toBe(true);
}

test("a call enters at one gateway and is answered at another; the one that has it dies, and both talk on", async ({
  browser,
}) => {
  const site = await Site.open();
  const c = await Cluster.open(site.origin, 2);
  const [a, b] = c.nodes;
  if (!a || !b) throw new Error("two gateways were asked for");
  site.script = `<script src="${c.url}/widget.js" data-site="shop" async></script>`;
  try {
    c.use(b);
    const jana = await console(browser, c);
    c.use(a);
    const page = await caller(browser, site);
    await accept(jana);
    await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
    await expect(jana.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
    await Promise.all([expectSound(page), expectSound(jana)]);

    await jana.keyboard.press("h");
    await expect(jana.getByTestId("call-card")).toHaveAttribute("data-held", "true");
    await jana.keyboard.press("h");
    await expect(jana.getByTestId("call-card")).toHaveAttribute("data-held", "false");
    await Promise.all([expectSound(page), expectSound(jana)]);

    // Nobody clicks anything from here on.
    const [of, their] = [await made(page), await made(jana)];
    c.use(b);
    await a.kill();
    const died = Date.now();
    const again = (who: Page, before: number) => hearsAgain(who, before).then(() => Date.now() - died);
    const [customer, agent] = await Promise.all([again(page, of), again(jana, their)]);
    test.info().annotations.push({ type: "silence", description: `customer ${customer} ms, agent ${agent} ms` });
    await Promise.all([expectSound(page), expectSound(jana)]);
    await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
    await expect(jana.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
    expect(Math.max(customer, agent)).toBeLessThan(5000);

    await jana.getByTestId("call-hangup").click();
    await expect(jana.getByTestId("call-card")).toHaveCount(0);
    await expect(page.getByTestId("log")).toContainText("Call,");
  } finally {
    await Promise.all([c.close(), site.close()]);
  }
});
