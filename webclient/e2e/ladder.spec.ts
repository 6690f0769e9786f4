// Whatever is in the way: whoever opens a link ends in contact, and the agent sees one item. Real gateway, real
// Chromium, an in-process network that lets through what the case says.

import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { Network, type Passes } from "./network";
import { accept, agent, message } from "./people";
import { expectSound, listen } from "./sound";
import { test } from "./test";

let g: Gateway;
let nets: Network[];
test.beforeEach(async () => {
  g = await Gateway.demo();
  nets = [];
});
test.afterEach(async () => {
  for (const n of nets) n.close();
  await g.stop();
});

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

interface Case extends Partial<Passes> {
  /** What the browser says when it is asked for the microphone. */
  refuses?: "NotAllowedError" | "NotFoundError";
  options?: object;
}

/** Somebody opens a link. */
async function opened(browser: Browser, c: Case = {}, to = "queue/main"): Promise<{ page: Page; net: Network }> {
  const context = await browser.newContext({
    ...phone,
    permissions: ["microphone"],
    reducedMotion: "reduce",
    ...c.options,
  });
  const net = await Network.of(context, { udp: c.udp ?? true, tcp: c.tcp ?? true });
  nets.push(net);
  await listen(context);
  if (c.refuses) await refuse(context, c.refuses);
  const page = await context.newPage();
  const link = JSON.parse(
    g.run("link", "create", "--json", "--to", to, "--contact", "Henrik Kolbe", "--subject", "Delivery 48 211"),
  );
  await page.goto(link.url);
  await expect(page.getByTestId("talk-status")).not.toContainText("Connecting");
  return { page, net };
}

async function refuse(context: BrowserContext, name: string): Promise<void> {
  await context.addInitScript((error) => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", error));
  }, name);
}

async function answering(browser: Browser): Promise<Page> {
  const { page, context } = await agent(browser, g, "jana", { permissions: ["microphone"] });
  await listen(context);
  await page.reload();
  await expect(page.getByTestId("inbox")).toBeVisible();
  return page;
}

/** The page itself, without the chat's window. */
const main = (page: Page) => page.locator("main");
const item = (jana: Page) => jana.getByTestId("conversation").filter({ hasText: "Henrik Kolbe" });

async function look(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(200);
  await page.screenshot({ path: `e2e/shots/ladder-${name}.png` });
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)).toEqual([]);
}

async function record(page: Page, ms: number): Promise<void> {
  const voice = page.getByTestId("voice");
  await expect(voice.getByTestId("voice-time")).toHaveText(/0:0[1-9]/);
  await page.waitForTimeout(ms);
  await voice.getByTestId("voice-stop").click();
  await expect(voice.getByTestId("voice-state")).toContainText(/0:\d\d recorded/);
}

/** The agent takes the one item there is, and hears the voice message. */
async function hears(jana: Page): Promise<void> {
  await expect(item(jana)).toHaveCount(1);
  await accept(jana);
  const player = jana.getByTestId("voice-player");
  await expect(player).toHaveCount(1);
  await player.getByTestId("voice-play").click();
  await expect
    .poll(() => player.locator("audio").evaluate((a: HTMLAudioElement) => a.currentTime))
    .toBeGreaterThan(0.3);
}

test("UDP is blocked: the call goes over TCP, and the page says so", async ({ browser }) => {
  const jana = await answering(browser);
  const { page } = await opened(browser, { udp: false });
  await main(page).getByTestId("try").click();
  const found = (what: string) => page.getByTestId(`check-${what}`);
  await expect(found("udp")).toHaveAttribute("data-result", "no");
  await expect(found("tcp")).toHaveAttribute("data-result", "ok");
  for (const what of ["browser", "mic"]) await expect(found(what)).toHaveAttribute("data-result", "ok");
  await look(page, "check-phone");
  expect(await item(jana).count()).toBe(0); // a check is no call
  await page.getByTestId("check-next").click();
  await expect(main(page).getByTestId("call-panel").or(page.locator("[data-phase=waiting]")).first()).toBeVisible();
  await accept(jana);
  await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
  await Promise.all([expectSound(page), expectSound(jana)]);
  await expect(item(jana)).toHaveCount(1);
});

test("only the web passes: a voice message, and the gateway dies in the middle of it", async ({ browser }) => {
  const jana = await answering(browser);
  const { page } = await opened(browser, { udp: false, tcp: false });
  await main(page).getByTestId("call").click();
  await expect(page.getByTestId("trying")).toHaveAttribute("data-way", "udp");
  await expect(page.getByTestId("next-way")).toHaveAttribute("data-rung", "voice");
  await look(page, "udp-phone");
  await expect(page.getByTestId("trying")).toHaveAttribute("data-way", "tcp");
  await expect(page.getByTestId("trying")).toHaveAttribute("data-way", "deaf");
  await look(page, "deaf-phone");
  await page.getByTestId("next-way").click();
  await expect(page.getByTestId("voice")).toBeVisible();
  await look(page, "recording-phone");
  await record(page, 1500);
  await look(page, "recorded-phone");

  // All of it is there when the gateway is killed, but nobody has said "that was all".
  let asked = 0;
  await page.route(/\/w\/voice\//, async (route) => {
    if (route.request().method() !== "POST" || asked++) return route.fallback();
    await g.kill();
    await route.abort();
  });
  await page.getByTestId("voice-send").click();
  await expect(page.getByTestId("voice-state")).toHaveAttribute("data-waits", "true");
  await look(page, "waits-phone");
  await g.start();
  await expect(page.getByTestId("voice-state")).toContainText("is with us");
  expect(asked).toBeGreaterThan(1);
  await hears(jana);
  await look(jana, "heard-desktop");
  await page.getByTestId("voice-done").click();
  await expect(main(page).getByTestId("call")).toBeVisible();
});

for (const refuses of ["NotAllowedError", "NotFoundError"] as const) {
  test(`no microphone (${refuses}): in writing`, async ({ browser }) => {
    const jana = await answering(browser);
    const { page } = await opened(browser, { refuses });
    await main(page).getByTestId("call").click();
    await expect(page.getByTestId("talk-trouble")).toContainText(/microphone/i);
    await expect(page.getByTestId("next-way")).toHaveAttribute("data-rung", "write");
    if (refuses === "NotAllowedError") await look(page, "denied-phone");
    await page.getByTestId("next-way").click();
    await page.getByTestId("composer").fill("I have no microphone here");
    await page.getByTestId("send").click();
    await expect(item(jana)).toHaveCount(1);
    await accept(jana);
    await expect(message(jana, "I have no microphone here")).toBeVisible();
  });
}

test("the network is gone for 30 s while the customer waits: they keep their place and are answered", async ({
  browser,
}) => {
  const { page, net } = await opened(browser, { tcp: false }); // the one path there is can be cut
  await main(page).getByTestId("call").click();
  await expect(page.locator("[data-phase=waiting]").first()).toBeVisible();
  await expect(page.getByTestId("next-way")).toHaveAttribute("data-rung", "back");
  net.cut();
  await expect(page.locator("[data-phase=interrupted]").first()).toBeVisible();
  await page.waitForTimeout(30_000);
  net.heal();
  await expect(page.locator("[data-phase=waiting]").first()).toBeVisible();
  const jana = await answering(browser);
  await accept(jana);
  await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
  await Promise.all([expectSound(page), expectSound(jana)]);
  await expect(item(jana)).toHaveCount(1);
});

test("no time to wait: the place is kept, and the page rings when it is their turn", async ({ browser }) => {
  const { page } = await opened(browser);
  await main(page).getByTestId("call").click();
  await expect(page.locator("[data-phase=waiting]").first()).toBeVisible();
  await page.getByTestId("next-way").click();
  await page.getByTestId("back-page").check();
  await look(page, "back-phone");
  await page.getByTestId("back-send").click();
  await expect(page.getByTestId("back-state")).toContainText("You keep your place");
  await expect(page.locator("[data-phase=waiting]")).toHaveCount(0);

  const jana = await answering(browser);
  await expect(item(jana)).toHaveCount(1);
  await accept(jana);
  await expect(jana.getByText("asks for a call").first()).toBeVisible();
  await look(jana, "asked-desktop");
  await jana.getByTestId("call-button").click();
  await main(page).getByTestId("call-accept").click();
  await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
  await Promise.all([expectSound(page), expectSound(jana)]);
  await expect(item(jana)).toHaveCount(1);
});

test("the page is closed meanwhile: the link comes by text message, and its call joins the conversation", async ({
  browser,
}) => {
  const { page } = await opened(browser);
  await main(page).getByTestId("back").click();
  await page.getByTestId("back-to").fill("0171");
  await page.getByTestId("back-send").click();
  await expect(page.getByTestId("back-problem")).toContainText("with its country");
  await look(page, "back-number-phone");
  await page.getByTestId("back-to").fill("001 (202) 555-0143");
  await page.getByTestId("back-send").click();
  await expect(page.getByTestId("back-state")).toContainText("text message");
  await page.context().close();

  const jana = await answering(browser);
  await accept(jana);
  await expect(message(jana, "+12025550143")).toBeVisible();
  await jana.getByTestId("talk-link").click();
  const sent = message(jana, "one tap is enough");
  await expect(sent).toHaveAttribute("data-delivery", /sent|delivered/);
  await look(jana, "link-sent-desktop");
  const url = /http\S+/.exec(await sent.innerText())?.[0] ?? "";
  const context = await browser.newContext({ ...phone, permissions: ["microphone"] });
  await listen(context);
  const again = await context.newPage();
  await again.goto(url);
  await main(again).getByTestId("call").click();
  await accept(jana);
  await expect(again.locator("[data-phase=talking]").first()).toBeVisible();
  await Promise.all([expectSound(again), expectSound(jana)]);
  await expect(item(jana)).toHaveCount(1);
});

for (const [name, options] of [
  ["desktop-light", { viewport: { width: 1280, height: 900 }, isMobile: false, hasTouch: false }],
  ["phone-dark", { colorScheme: "dark" }],
] as const) {
  test(`the other ways, ${name}, in German`, async ({ browser }) => {
    test.setTimeout(60_000);
    const { page } = await opened(browser, { options: { ...options, locale: "de-DE" } });
    await look(page, `ready-${name}`);
    await main(page).getByTestId("voice").click();
    await expect(page.getByTestId("voice-time")).toHaveText(/0:0[1-9]/);
    await look(page, `recording-${name}`);
    await page.getByTestId("voice-stop").click();
    await expect(page.getByTestId("voice-state")).toContainText("aufgenommen");
    await look(page, `recorded-${name}`);
    await page.getByTestId("voice-back").click();
    await main(page).getByTestId("back").click();
    await look(page, `back-${name}`);
    await page.getByTestId("back-back").click();
    await main(page).getByTestId("try").click();
    await expect(page.getByTestId("check-state")).toContainText("können Sie anrufen");
    await look(page, `check-${name}`);
  });
}
