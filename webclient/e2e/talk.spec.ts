// The page of a link in every state, against a fake socket: looked at, checked by axe, and operated.

import AxeBuilder from "@axe-core/playwright";
import { type Browser, expect, type Page } from "@playwright/test";
import { FakeGateway } from "./fakegateway";
import { Gateway } from "./gateway";
import { test } from "./test";

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } as const;
const desktop = { viewport: { width: 1280, height: 900 } } as const;

async function open(browser: Browser, options: object, set?: (f: FakeGateway) => void): Promise<[Page, FakeGateway]> {
  const context = await browser.newContext({ permissions: ["microphone"], reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const f = await FakeGateway.of(page);
  set?.(f);
  await page.goto(`${g.url}/talk/some-token-of-a-link`);
  return [page, f];
}

async function look(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(300);
  await page.screenshot({ path: `e2e/shots/talk-${name}.png` });
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)).toEqual([]);
}

/** The page itself, without the chat's window. */
const main = (page: Page) => page.locator("main");
const phase = (page: Page) => page.locator("main[data-phase]");

for (const [name, size] of [
  ["phone", phone],
  ["desktop", desktop],
] as const) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`the whole way, ${name} ${colorScheme}`, async ({ browser }) => {
      const [page, f] = await open(browser, { ...size, colorScheme });
      const shot = (state: string) => look(page, `${state}-${name}-${colorScheme}`);
      await expect(page.getByTestId("talk-status")).toHaveText("We are here, about 20 seconds");
      await expect(page.getByRole("heading")).toHaveText("Talk to us, Henrik Kolbe");
      await shot("ready");
      f.tell({ notice: "Our phone numbers are out of order right now. Chat and calls from here work." });
      await expect(main(page).getByText("out of order")).toBeVisible();
      await shot("emergency");

      await main(page).getByTestId("call").click();
      await expect.poll(() => f.of("call.offer").length).toBe(1);
      f.call({ state: "waiting" });
      f.tell({ state: "waiting", position: 1 });
      await expect(phase(page)).toHaveAttribute("data-phase", "waiting");
      await expect(main(page).getByTestId("call-status")).toContainText("You are next.");
      await shot("waiting");
      f.call({ state: "answered", agent: "Jana Brandt" });
      await expect(phase(page)).toHaveAttribute("data-phase", "answered");
      f.tell({ state: "active", agent: "Jana Brandt" });
      f.call({ state: "connected", agent: "Jana Brandt", since: new Date(Date.now() - 167_000).toISOString() });
      await expect(main(page).getByTestId("call-time")).toHaveText(/[23]:\d\d/);
      await expect(main(page).getByTestId("quality")).toBeVisible();
      f.item({ text: "Delivery note 48 211 with the temperature log" });
      await expect(main(page).getByTestId("latest")).toContainText("Delivery note");
      await shot("call");
      await main(page).getByTestId("call-mute").click();
      await expect(main(page).getByTestId("call-mute")).toHaveAttribute("aria-pressed", "true");
      await expect(main(page).getByTestId("call-status")).toContainText("We do not hear you: muted.");
      f.say({ t: "call.peer", call: f.of("call.offer")[0]?.call ?? "", state: "interrupted" });
      await expect(main(page).getByTestId("call-status")).toContainText("The line of Jana Brandt is interrupted");
      await shot("broken");
      f.say({ t: "call.peer", call: f.of("call.offer")[0]?.call ?? "", state: "connected" });

      // Writing in the call, in the same conversation.
      await main(page).getByTestId("write").click();
      const chat = page.getByTestId("dialog");
      await expect(chat.getByTestId("call-time")).toBeVisible();
      await chat.getByTestId("composer").fill("I see it, thank you");
      await chat.getByTestId("send").click();
      await expect(chat.getByTestId("message").last()).toContainText("I see it, thank you");
      await shot("write");
      await chat.getByTestId("call-hangup").click();
      await expect.poll(() => f.of("call.hangup").length).toBe(1);
      f.item({
        kind: "call",
        ended: { from: "customer", outcome: "answered", talk_ms: 170_000, wait_ms: 1, reason: "", agent: "" },
      });
      await expect(chat.getByText("Call, 2:50")).toBeVisible();
      await chat.getByTestId("close").click();
      await expect(main(page).getByTestId("call")).toBeVisible();
      await shot("after");
      await page.context().close();
    });
  }
}

test("an agent calls: the page rings, it can be accepted and declined", async ({ browser }) => {
  const [page, f] = await open(browser, phone);
  const ring = {
    id: "call-from-the-agent",
    state: "ringing",
    agent: "Jana Brandt",
    since: new Date().toISOString(),
  } as const;
  f.tell({ call: ring });
  await expect(main(page).getByTestId("call-accept")).toBeVisible();
  await look(page, "ringing-phone-light");
  await main(page).getByTestId("call-decline").click();
  await expect.poll(() => f.of("call.hangup").length).toBe(1);
  await expect(main(page).getByTestId("call")).toHaveText("Call now");
  f.tell({ call: { ...ring, id: "second-call-from-the-agent" } });
  await main(page).getByTestId("call-accept").click();
  await expect.poll(() => f.of("call.offer").at(-1)?.call).toBe("second-call-from-the-agent");
  f.tell({ call: { ...ring, id: "second-call-from-the-agent", state: "connected" } });
  await expect(phase(page)).toHaveAttribute("data-phase", "talking");
  await page.context().close();
});

test("a reload comes back with one tap; a lost socket without any", async ({ browser }) => {
  const [page, f] = await open(browser, phone);
  await main(page).getByTestId("call").click();
  await expect.poll(() => f.of("call.offer").length).toBe(1);
  f.call({ state: "connected", agent: "Jana Brandt" });
  await expect(phase(page)).toHaveAttribute("data-phase", "talking");
  const id = f.of("call.offer")[0]?.call;
  await page.reload();
  await expect(page.getByTestId("talk-trouble")).toContainText("Your call goes on");
  await look(page, "away-phone-light");
  await main(page).getByTestId("call").click();
  await expect(phase(page)).toHaveAttribute("data-phase", "talking");
  await f.drop();
  await expect.poll(() => f.of("call.offer").length).toBe(3);
  await expect(phase(page)).toHaveAttribute("data-phase", "talking");
  expect(f.of("call.offer").map((o) => o.call)).toEqual([id, id, id]);

  // Another tab takes the line.
  await page.evaluate(() => (window as unknown as { cut(): void }).cut());
  await expect(page.getByTestId("talk-trouble")).toContainText("not on this page");
  await page.context().close();
});

test("the microphone is denied: what to do, and writing goes on", async ({ browser }) => {
  const context = await browser.newContext({ ...phone, permissions: [] });
  const page = await context.newPage();
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  const f = await FakeGateway.of(page);
  await page.goto(`${g.url}/talk/token`);
  await main(page).getByTestId("write").click();
  await page.getByTestId("composer").fill("My delivery is late");
  await page.getByTestId("close").click();
  await main(page).getByTestId("call").click();
  await expect(page.getByTestId("talk-trouble")).toContainText("The microphone is not allowed here.");
  await expect(page.getByTestId("talk-trouble")).toContainText(/allow the microphone/);
  await expect(main(page).getByTestId("call")).toHaveText("Try again");
  await look(page, "denied-phone-light");
  await main(page).getByTestId("next-way").click();
  await expect(page.getByTestId("composer")).toHaveValue("My delivery is late");
  await page.getByTestId("send").click();
  await expect.poll(() => f.of("message").map((m) => m.text)).toEqual(["My delivery is late"]);
  expect(f.of("call.offer")).toEqual([]);
  await context.close();
});

test("inside another app: its address to take along", async ({ browser }) => {
  const userAgent =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/450.0]";
  const [page] = await open(browser, { ...phone, userAgent, permissions: ["clipboard-write", "clipboard-read"] });
  await expect(page.getByTestId("talk-trouble")).toContainText("Open this page in your browser");
  await expect(main(page).getByTestId("open-out")).toHaveAttribute("data-href", /^x-safari-http/);
  await look(page, "inapp-phone-light");
  await main(page).getByTestId("call-copy").click();
  await expect(main(page).getByTestId("call-copy")).toContainText("Copied");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
  await expect(main(page).getByTestId("write")).toBeVisible();
  await page.context().close();
});

test("nobody there, closed, without calls, expired: the truth, and a message", async ({ browser }) => {
  const [page, f] = await open(browser, phone, (f) => {
    f.status = { ...f.status, staffed: false };
  });
  await expect(page.getByTestId("talk-status")).toContainText("Nobody is signed in");
  await expect(page.locator(".dot")).toHaveCount(0); // green is for somebody who is there
  await expect(main(page).getByTestId("write")).toHaveText("Leave a message");
  await expect(main(page).getByTestId("call")).toHaveText("Call and wait");
  await look(page, "absent-phone-light");
  await main(page).getByTestId("write").click();
  await expect(page.getByTestId("offline-form")).toBeVisible();
  await look(page, "absent-write-phone-light");
  await page.getByTestId("close").click();
  f.tell({ staffed: true, open: false });
  await expect(page.getByTestId("talk-status")).toContainText("closed");
  await expect(main(page).getByTestId("call")).toHaveCount(0);
  f.link = { name: "", subject: "", to: "Service", expires: new Date(Date.now() - 3600e3).toISOString() };
  f.status = { ...f.status, open: true, calls: false };
  await page.reload();
  await expect(page.getByTestId("talk-status")).toContainText("You can still write to us.");
  await expect(main(page).getByTestId("call")).toHaveCount(0);
  await look(page, "expired-phone-light");
  await page.context().close();
});

test("a link that was withdrawn: friendly, with the company's name", async ({ browser }) => {
  for (const colorScheme of ["light", "dark"] as const) {
    const [page] = await open(browser, { ...phone, colorScheme }, (f) => {
      f.refuses = 4003;
    });
    await expect(page.getByTestId("talk-end")).toContainText("Reply to the message it came with");
    await expect(page.getByTestId("company")).toHaveText("Nordwind Logistik");
    await look(page, `gone-phone-${colorScheme}`);
    await page.context().close();
  }
});

test("German and English, chosen by the browser and by hand", async ({ browser }) => {
  const [page, f] = await open(browser, { ...phone, locale: "de-DE" });
  await expect(page.getByRole("heading")).toHaveText("Sprechen Sie mit uns, Henrik Kolbe");
  expect(f.of("hello")[0]).toMatchObject({ link: "some-token-of-a-link", language: "de" });
  expect(f.of("hello")[0]?.page ?? "").toBe("");
  await look(page, "ready-german-phone-light");
  await page.getByTestId("language").click();
  await expect(page.getByRole("heading")).toHaveText("Talk to us, Henrik Kolbe");
  await expect.poll(() => f.of("hello").at(-1)?.language).toBe("en");
  await page.reload();
  await expect(page.getByRole("heading")).toHaveText("Talk to us, Henrik Kolbe");
  await page.context().close();
});

test("without a connection the page says so; without JavaScript it says what to do", async ({ browser }) => {
  const context = await browser.newContext(phone);
  const page = await context.newPage();
  await page.routeWebSocket(/\/ws\/visitor$/, (ws) => ws.close());
  await page.goto(`${g.url}/talk/token`);
  await expect(page.getByTestId("talk-status")).toContainText("No connection right now");
  await look(page, "lost-phone-light");
  await context.close();

  // Chromium under test does not show <noscript>; that it is there has to do.
  const html = await (await fetch(`${g.url}/talk/token`, { headers: { "Accept-Language": "en" } })).text();
  expect(html).toContain("need JavaScript");
});
