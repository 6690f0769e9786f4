// Who gets a call, and what an agent does with one: through a real gateway, heard at both ends.

import { type Browser, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, agentWithPassword, openWidget, type Person, person, say } from "./people";
import { Site } from "./site";
import { expectSound, listen } from "./sound";
import { test } from "./test";

const microphone = { permissions: ["microphone"] };

/** Makes what a page hears known from its next load on. */
async function listening(p: Person): Promise<Page> {
  await listen(p.context);
  await p.page.reload();
  await expect(p.page.getByTestId("inbox")).toBeVisible();
  return p.page;
}

async function visitor(browser: Browser, url: string): Promise<Page> {
  const { page, context } = await person(browser, microphone);
  await listen(context);
  await page.goto(url);
  await openWidget(page);
  return page;
}

const waits = (page: Page) => expect(page.locator("[data-phase=waiting]").first()).toBeVisible();
const talks = (page: Page) => expect(page.locator("[data-phase=talking]").first()).toBeVisible();

async function talking(customer: Page, desk: Page): Promise<void> {
  await talks(customer);
  await expect(desk.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
  await Promise.all([expectSound(customer), expectSound(desk)]);
}

test("a call that is declined rings at the next agent, and so does one that nobody picks up", async ({ browser }) => {
  const site = await Site.open();
  const g = await Gateway.serve(site.origin);
  site.script = `<script src="${g.url}/widget.js" data-site="shop" async></script>`;
  try {
    const jana = await listening(await agentWithPassword(browser, g, "jana", microphone));
    const emil = await listening(await agentWithPassword(browser, g, "emil", microphone));
    const customer = await visitor(browser, site.origin);
    await customer.getByTestId("call").click();
    await waits(customer);

    await expect(jana.getByTestId("offer")).toBeVisible(); // nobody else: she was idle for longest
    await expect(emil.getByTestId("offer")).toHaveCount(0);
    await jana.keyboard.press("d");
    await expect(emil.getByTestId("offer")).toBeVisible();
    await expect(jana.getByTestId("offer")).toHaveCount(0);
    await waits(customer);
    await expect(jana.getByTestId("offer")).toBeVisible(); // after 12 s at Emil
    await expect(emil.getByTestId("offer")).toHaveCount(0);
    await accept(jana);
    await talking(customer, jana);
    await expect(jana.getByTestId("thread")).toContainText("you declined");
    await expect(jana.getByTestId("thread")).toContainText("Emil Sommer missed it");
  } finally {
    await Promise.all([g.stop(), site.close()]);
  }
});

test.describe("in the demo", () => {
  let g: Gateway;
  test.beforeEach(async () => {
    g = await Gateway.demo();
  });
  test.afterEach(async () => {
    await g.stop();
  });

  test("all tabs ring, one answers, another takes the call over, a reload keeps it", async ({ browser }) => {
    const first = await agent(browser, g, "jana", microphone);
    const one = await listening(first);
    const two = await first.context.newPage();
    await two.goto(g.url);
    await expect(two.getByTestId("inbox")).toBeVisible();
    const customer = await visitor(browser, g.world);
    await customer.getByTestId("call").click();
    await expect(one.getByTestId("offer")).toBeVisible();
    await expect(two.getByTestId("offer")).toBeVisible();
    await accept(two);
    await expect(one.getByTestId("offer")).toHaveCount(0);
    await talking(customer, two);

    const strip = one.getByTestId("call-strip");
    await expect(strip).toHaveAttribute("data-here", "elsewhere");
    await strip.getByTestId("call-take-here").click();
    await expect(strip).toHaveAttribute("data-here", "connected");
    await Promise.all([expectSound(one), expectSound(customer)]);
    await expect(two.getByTestId("call-card")).toHaveAttribute("data-here", "elsewhere");

    await one.reload();
    await expect(one.getByTestId("call-strip")).toHaveAttribute("data-here", "connected"); // without a click
    await Promise.all([expectSound(one), expectSound(customer)]);
    await expect(two.getByTestId("call-card")).toHaveAttribute("data-here", "elsewhere");
  });

  test("an agent calls a customer: answered, hung up, written up, done", async ({ browser }) => {
    const jana = await listening(await agent(browser, g, "jana", microphone));
    const customer = await visitor(browser, g.world);
    await say(customer, "Can you call me?");
    await accept(jana);
    await jana.getByTestId("call-button").click();
    await expect(jana.getByTestId("call-card")).toHaveAttribute("data-state", "ringing");
    await customer.getByTestId("call-accept").click();
    await talking(customer, jana);
    await expect(jana.getByTestId("presence")).toHaveAttribute("data-presence", "busy");
    await jana.keyboard.press("Control+Shift+H");

    await expect(jana.getByTestId("wrap-up")).toContainText(/Call, 0:\d\d/);
    await expect(jana.getByTestId("presence")).toHaveAttribute("data-presence", "wrap-up");
    await jana.getByTestId("composer").fill("Wants a call on Monday");
    await jana.getByTestId("send").click();
    await expect(jana.getByTestId("message").filter({ hasText: "Wants a call" })).toHaveAttribute("data-kind", "note");
    await jana.getByTestId("wrap-up-ready").click();
    await expect(jana.getByTestId("wrap-up")).toHaveCount(0);
    await expect(jana.getByTestId("presence")).toHaveAttribute("data-presence", "ready");
    await jana.getByTestId("close").click();
    await expect(jana.getByTestId("conversation")).toHaveCount(0);
    await expect(customer.getByTestId("log")).toContainText(/Call, 0:\d\d/);
  });

  test("a customer who declines, and one whose page is closed", async ({ browser }) => {
    const jana = await listening(await agent(browser, g, "jana", microphone));
    const customer = await visitor(browser, g.world);
    await say(customer, "Hello?");
    await accept(jana);
    await jana.getByTestId("call-button").click();
    await customer.getByTestId("call-decline").click();
    await expect(jana.getByTestId("call-over")).toHaveAttribute("data-outcome", "declined");
    await expect(jana.getByTestId("call-item")).toHaveAttribute("data-outcome", "declined");
    await customer.close();
    await expect(jana.getByTestId("call-button")).toBeDisabled();
  });

  test("a running call is transferred: the customer hears music, then the colleague", async ({ browser }) => {
    const jana = await listening(await agent(browser, g, "jana", microphone));
    const customer = await visitor(browser, g.world);
    await customer.getByTestId("call").click();
    await accept(jana);
    await talking(customer, jana);
    const emil = await listening(await agent(browser, g, "emil", microphone));
    await jana.getByTestId("transfer").click();
    await jana.getByTestId(`transfer-to-${"emil"}`).click();
    await waits(customer);
    await expect(jana.getByTestId("call-card")).toHaveCount(0);
    await accept(emil);
    await talking(customer, emil);
  });

  test("the emergency switch shows at customer and agent within 10 s, and is gone as fast", async ({ browser }) => {
    const { page: jana } = await agent(browser, g, "jana");
    const { page: emil } = await agent(browser, g, "emil");
    const customer = await visitor(browser, g.world);
    await jana.keyboard.press("Shift+E");
    await jana.getByTestId("emergency-why").fill("Trunk down since 09:04");
    const hold = jana.getByTestId("emergency-hold");
    await hold.focus();
    await jana.keyboard.down(" ");
    await expect(jana.getByTestId("emergency-bar")).toBeVisible();
    await jana.keyboard.up(" ");
    const soon = { timeout: 10_000 };
    await Promise.all([
      expect(emil.getByTestId("emergency-bar")).toContainText("Trunk down since 09:04", soon),
      expect(customer.getByTestId("notice")).toContainText("out of order", soon),
    ]);

    await emil.getByTestId("emergency-end").click();
    await emil.getByTestId("emergency-end-now").click();
    await expect(emil.getByTestId("emergency-refused")).toContainText("Only administrators may switch");
    await emil.keyboard.press("Escape");

    await jana.getByTestId("emergency-end").click();
    await jana.getByTestId("emergency-end-now").click();
    await Promise.all([
      expect(emil.getByTestId("emergency-bar")).toHaveCount(0, soon),
      expect(customer.getByTestId("notice")).toHaveCount(0, soon),
    ]);
    await expect(jana.getByTestId("emergency-page")).toContainText("Trunk down since 09:04"); // in the log
  });

  test("a link made in a conversation opens, and is revoked", async ({ browser }) => {
    const { page: jana } = await agent(browser, g, "jana", microphone);
    const customer = await visitor(browser, g.world);
    await say(customer, "I would rather talk");
    await accept(jana);
    await jana.getByTestId("insert-link").click();
    await jana.getByTestId("link-subject").fill("Delivery 48 211");
    await jana.getByTestId("link-make").click();
    const url = await jana.getByTestId("link-url").inputValue();
    await jana.getByTestId("link-insert").click();
    await expect(jana.getByTestId("composer")).toHaveValue(url);
    const { page } = await person(browser);
    await page.goto(url);
    await expect(page.locator("main")).toContainText("Delivery 48 211");
    await jana.getByTestId("new-link").click();
    const row = jana.getByTestId("link-row").filter({ hasText: "Delivery 48 211" });
    await row.getByTestId("link-revoke").click();
    await row.getByTestId("link-revoke").click();
    await expect(row).toHaveAttribute("data-revoked", "true");
    await page.reload();
    await expect(page.getByTestId("talk-end")).toBeVisible();
  });
});
