// Calls in the widget in every state, against a fake socket: looked at, checked by axe, and operated.

import AxeBuilder from "@axe-core/playwright";
import { type Browser, expect, type Page } from "@playwright/test";
import { FakeGateway } from "./fakegateway";
import { Gateway } from "./gateway";
import { openWidget, person } from "./people";
import { Site } from "./site";
import { test } from "./test";

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true } as const;
const desktop = { viewport: { width: 1440, height: 900 } } as const;
const notice = "Our phone numbers are out of order right now. Chat and calls from here work.";

async function open(browser: Browser, options: object): Promise<[Page, FakeGateway]> {
  const context = await browser.newContext({ permissions: ["microphone"], reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const f = await FakeGateway.of(page);
  f.link = undefined;
  await page.goto(`${g.world}/track`);
  return [page, f];
}

async function look(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(300);
  await page.screenshot({ path: `e2e/shots/widget-${name}.png` });
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)).toEqual([]);
}

for (const [name, size] of [
  ["phone", phone],
  ["desktop", desktop],
] as const) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`a call beside the chat, ${name} ${colorScheme}`, async ({ browser }) => {
      const [page, f] = await open(browser, { ...size, colorScheme });
      const shot = (state: string) => look(page, `${state}-${name}-${colorScheme}`);
      const panel = page.getByTestId("call-panel");
      await openWidget(page);
      await expect(page.getByTestId("call")).toHaveText("Call us, free in the browser");
      await page.getByTestId("composer").fill("Where is delivery 48 211? It is insulin for three pharmacies.");
      await page.getByTestId("send").click();
      f.tell({ state: "active", agent: "Jana Brandt", notice });
      f.item({ text: "Good morning Mr Kolbe. Our phone system is down, but your truck is not." });
      await expect(page.getByTestId("notice")).toBeVisible();
      await shot("emergency");

      await page.getByTestId("call").click();
      await expect.poll(() => f.of("call.offer").length).toBe(1);
      f.call({ state: "waiting" });
      f.tell({ position: 1 });
      await expect(panel).toHaveAttribute("data-phase", "waiting");
      await shot("waiting");
      f.call({ state: "connected", agent: "Jana Brandt", since: new Date(Date.now() - 252_000).toISOString() });
      await expect(panel).toHaveAttribute("data-phase", "talking");
      await page.getByTestId("composer").fill("One more thing");
      await page.getByTestId("send").click();
      await expect(page.getByTestId("message").last()).toContainText("One more thing");
      await shot("call");
      await page.getByTestId("close").click();
      await expect(page.getByTestId("launcher")).toContainText(/[45]:\d\d/); // 4:12 and what the machine took since
      await shot("closed");
      await page.getByTestId("launcher").click();
      await page.getByTestId("call-hangup").click();
      await expect.poll(() => f.of("call.hangup").length).toBe(1);
      const ended = { from: "customer", outcome: "answered", talk_ms: 252_000, wait_ms: 1, reason: "", agent: "" };
      f.item({ kind: "call", ended });
      await expect(page.getByTestId("log")).toContainText("Call, 4:12");
      await expect(page.getByTestId("call")).toBeVisible();
      await page.context().close();
    });
  }
}

test("an agent calls: the window opens without taking the focus, and rings", async ({ browser }) => {
  const [page, f] = await open(browser, desktop);
  await openWidget(page);
  await page.getByTestId("composer").fill("hello");
  await page.getByTestId("send").click();
  await page.getByTestId("close").click();
  await page.locator("a").first().focus();
  f.tell({
    call: { id: "call-from-the-agent", state: "ringing", agent: "Jana Brandt", since: new Date().toISOString() },
  });
  await expect(page.getByRole("alertdialog", { name: "Jana Brandt calls you" })).toBeVisible();
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("A");
  await look(page, "ringing-desktop-light");
  await page.getByTestId("call-accept").click();
  await expect.poll(() => f.of("call.offer")[0]?.call).toBe("call-from-the-agent");
  f.call({ state: "connected" });
  await expect(page.getByTestId("call-panel")).toHaveAttribute("data-phase", "talking");
  f.over();
  f.item({
    kind: "call",
    ended: { from: "agent", outcome: "no_answer", talk_ms: 0, wait_ms: 1, reason: "", agent: "" },
  });
  await expect(page.getByTestId("log")).toContainText("Missed call");
  await page.context().close();
});

test("after a reload: back to the call with one tap", async ({ browser }) => {
  const [page, f] = await open(browser, desktop);
  await openWidget(page);
  await page.getByTestId("call").click();
  await expect.poll(() => f.of("call.offer").length).toBe(1);
  f.call({ state: "connected", agent: "Jana Brandt" });
  await page.reload();
  await page.getByTestId("call-back").click();
  await expect(page.getByTestId("call-panel")).toHaveAttribute("data-phase", "talking");
  const offers = f.of("call.offer").map((o) => o.call);
  expect(offers).toEqual([offers[0], offers[0]]);
  await page.context().close();
});

test("the microphone is denied: how to allow it, and the chat goes on", async ({ browser }) => {
  const [page, f] = await open(browser, { ...desktop, permissions: [] });
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await openWidget(page);
  await page.getByTestId("composer").fill("I was typing this");
  await page.getByTestId("call").click();
  await expect(page.getByTestId("call-status")).toContainText("The microphone is not allowed here.");
  await look(page, "denied-desktop-light");
  await expect(page.getByTestId("composer")).toHaveValue("I was typing this");
  await page.getByTestId("next-way").click();
  await page.getByTestId("send").click();
  await expect.poll(() => f.of("message").map((m) => m.text)).toEqual(["I was typing this"]);
  expect(f.of("call.offer")).toEqual([]);
  await page.context().close();
});

test("a website whose policy forbids the microphone is named as the reason", async ({ browser }) => {
  const site = await Site.open();
  const shop = await Gateway.serve(site.origin);
  site.script = `<script src="${shop.url}/widget.js" data-site="shop" async></script>`;
  site.headers = { "Permissions-Policy": "microphone=()" };
  try {
    const { page } = await person(browser, { permissions: ["microphone"] });
    await page.goto(site.origin);
    await openWidget(page);
    await page.getByTestId("call").click();
    await expect(page.getByTestId("call-status")).toContainText("This website does not allow calls in the browser.");
  } finally {
    await Promise.all([shop.stop(), site.close()]);
  }
});

test("where calls cannot be had there is no button", async ({ browser }) => {
  const [page, f] = await open(browser, desktop);
  f.status = { ...f.status, calls: false };
  await openWidget(page);
  await expect(page.getByTestId("status")).toContainText("We are here");
  await expect(page.getByTestId("call")).toHaveCount(0);
  await page.context().close();
});
