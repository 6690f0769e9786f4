// Calls through a real gateway as customers make them, heard at both ends.

import { type Browser, chromium, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, message, openWidget, type Person, person, say } from "./people";
import { expectSilence, expectSound, heard, listen } from "./sound";
import { test } from "./test";

let g: Gateway;
test.beforeEach(async () => {
  g = await Gateway.demo();
});
test.afterEach(async () => {
  await g.stop();
});

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

/** Somebody with a microphone, whose connections can be listened to. */
async function caller(browser: Browser, options: object = {}): Promise<Person> {
  const p = await person(browser, { permissions: ["microphone"], ...options });
  await listen(p.context);
  return p;
}

async function answering(browser: Browser, id: string): Promise<Page> {
  const { page, context } = await agent(browser, g, id, { permissions: ["microphone"] });
  await listen(context);
  await page.reload();
  await expect(page.getByTestId("inbox")).toBeVisible();
  return page;
}

const phase = (page: Page, is: string) => expect(page.locator(`[data-phase=${is}]`).first()).toBeVisible();

/** The state of every connection that the page has made. */
function lines(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    (window as unknown as { connections: RTCPeerConnection[] }).connections.map((c) => c.connectionState),
  );
}

/** A link that the command makes. */
function link(...args: string[]): { id: string; url: string } {
  return JSON.parse(g.run("link", "create", "--json", "--to", "queue/main", ...args));
}

function measured(type: string, ms: number): void {
  test.info().annotations.push({ type, description: `${ms} ms` });
}

test("from the widget: music, an agent, sound both ways, the timeline", async ({ browser }) => {
  const jana = await answering(browser, "jana");
  const { page } = await caller(browser);
  await page.goto(g.world);
  await openWidget(page);
  await say(page, "Nobody picks up your phone");
  await accept(jana);
  await page.getByTestId("call").click();
  const clicked = Date.now();
  await expect.poll(async () => (await heard(page)).energy, { intervals: [10] }).toBeGreaterThan(0);
  measured("click to first sound", Date.now() - clicked);
  await phase(page, "waiting");
  await expect(page.getByTestId("call-status")).toContainText("Music plays until somebody answers.");
  await expectSound(page); // the music; and what is said arrives at the gateway

  await accept(jana);
  await phase(page, "talking");
  await expect(page.getByTestId("call-status")).toContainText("Jana Brandt");
  await expect(jana.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
  await Promise.all([expectSound(page), expectSound(jana)]);
  await expect(jana.getByTestId("call-lines").locator("summary")).toHaveText(/^Lines: .*(3|4)\.\d.* (3|4)\.\d/, {
    timeout: 10_000,
  });
  await page.getByTestId("call-mute").click();
  await expectSilence(jana);
  await page.getByTestId("call-mute").click();
  await expectSound(jana);

  await say(page, "48 211 is the number"); // in the call, in the same conversation
  await expect(message(jana, "48 211 is the number")).toBeVisible();
  await expect(jana.getByTestId("conversation")).toHaveCount(1);

  await jana.getByTestId("call-hangup").first().click();
  await expect(page.getByTestId("call-panel")).toHaveCount(0);
  await expect(page.getByTestId("log")).toContainText(/Call, 0:\d\d/);
  await expect(jana.getByTestId("call-item")).toContainText(/0:\d\d/);
  await jana.getByTestId("call-item").getByTestId("call-lines").locator("summary").click(); // kept with the call
  await expect(jana.getByTestId("call-item").locator("li")).toHaveCount(2);
  await expect(jana.getByTestId("call-item").locator("li").first()).toContainText("UDP");
  const tracks = await page.evaluate(() =>
    (window as unknown as { connections: RTCPeerConnection[] }).connections.map((c) => c.connectionState),
  );
  expect(new Set(tracks)).toEqual(new Set(["closed"]));
});

test("an agent calls somebody who has the page open: declined, then accepted", async ({ browser }) => {
  const jana = await answering(browser, "jana");
  const { page } = await caller(browser);
  await page.goto(g.world);
  await openWidget(page);
  await say(page, "Call me if that is quicker");
  await accept(jana);
  await page.getByTestId("close").click();
  await jana.getByTestId("call-button").click();
  await page.getByTestId("call-decline").click(); // the window has opened by itself
  await expect(page.getByTestId("log")).toContainText("Call declined");
  await expect(jana.getByTestId("call-card")).toHaveCount(0);
  await jana.getByTestId("call-button").click();
  await page.getByTestId("call-accept").click();
  await phase(page, "talking");
  await Promise.all([expectSound(page), expectSound(jana)]);
  await page.getByTestId("call-hangup").click();
  await expect(page.getByTestId("log")).toContainText(/Call, 0:\d\d/);
});

test("by a link on a phone: opened without effect, called, answered", async ({ browser }) => {
  const jana = await answering(browser, "jana");
  const { url } = link("--contact", "Henrik Kolbe <henrik@example.org>", "--subject", "Cold chain delivery 48 211");
  expect(new URL(url).pathname.length).toBeLessThan(130);
  const { page } = await caller(browser, phone);
  await page.goto(url);
  await expect(page.getByRole("heading")).toHaveText("Talk to us, Henrik Kolbe");
  await expect(page.getByText("Cold chain delivery 48 211")).toBeVisible();
  await page.reload(); // whoever only looks, as often as they like, does not call
  await page.waitForTimeout(1000);
  await expect(jana.getByTestId("offer")).toHaveCount(0);

  await page.locator("main").getByTestId("call").click();
  await phase(page, "waiting");
  await expect(jana.getByTestId("offer")).toContainText("Henrik Kolbe");
  await expect(jana.getByTestId("offer")).toContainText("From a talk link");
  await expect(jana.getByTestId("offer")).toContainText("Cold chain delivery 48 211");
  await accept(jana);
  await phase(page, "talking");
  await expect(page.locator("main")).toContainText("Jana Brandt");
  await Promise.all([expectSound(page), expectSound(jana)]);

  await page.locator("main").getByTestId("write").click();
  await say(page, "I send the papers in writing");
  await expect(message(jana, "I send the papers in writing")).toBeVisible();
  await page.getByTestId("dialog").getByTestId("call-hangup").click();
  await expect(jana.getByTestId("call-item")).toContainText(/0:\d\d/);
  await page.getByTestId("close").click();
  await expect(page.locator("main")).toContainText("Last call");
});

test("a link that does not work, and one that is withdrawn", async ({ browser }) => {
  const { page } = await person(browser, phone);
  await page.goto(`${g.url}/talk/nonsense`);
  await expect(page.getByTestId("talk-end")).toContainText("Reply to the message");
  await expect(page.getByTestId("company")).toHaveText("Nordwind Logistik");
  const { id, url } = link();
  await page.goto(url);
  await expect(page.locator("main").getByTestId("write")).toBeVisible();
  g.run("link", "revoke", id);
  await page.reload();
  await expect(page.getByTestId("talk-end")).toContainText("Reply to the message");
});

/** A browser that asks for the microphone and is told no. */
async function denying(): Promise<Browser> {
  const args = ["--no-sandbox", "--use-fake-device-for-media-stream", "--deny-permission-prompts"];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

for (const [where, options] of [
  ["widget", {}],
  ["link", phone],
] as const) {
  test(`${where}: the microphone is denied, so they write`, async ({ browser }) => {
    const jana = await answering(browser, "jana");
    const other = await denying();
    const { page } = await person(other, { locale: "en-GB", ...options });
    await page.goto(where === "widget" ? g.world : link().url);
    if (where === "widget") await openWidget(page);
    const part = where === "widget" ? page.getByTestId("dialog") : page.locator("main");
    await part.getByTestId("call").click();
    await expect(part).toContainText("The microphone is not allowed here.");
    await expect(part).toContainText("allow the microphone, and try again.");
    await expect(jana.getByTestId("offer")).toHaveCount(0);
    await part.getByTestId("next-way").click();
    await say(page, "Then I write");
    await accept(jana);
    await expect(message(jana, "Then I write")).toBeVisible();
    await other.close();
  });
}

test("waiting, the gateway is killed: the same call again, without a click", async ({ browser }) => {
  await answering(browser, "jana");
  const { page } = await caller(browser);
  await page.goto(g.world);
  await openWidget(page);
  await page.getByTestId("call").click();
  await phase(page, "waiting");
  await expectSound(page);
  const killed = Date.now();
  await g.kill();
  await g.start();
  await expect.poll(async () => (await lines(page)).length).toBeGreaterThan(1); // a new line, by itself
  await phase(page, "waiting");
  await expect.poll(async () => (await heard(page)).energy, { intervals: [10] }).toBeGreaterThan(0);
  measured("killed to sound again", Date.now() - killed);
  await page.getByTestId("call-hangup").click();
  await expect(page.getByTestId("log")).toContainText("Call, not answered");
});
