// Click2Meet in real browsers: four people in one meeting, who join, speak, share, lose the gateway and come back.

import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { agent } from "./people";
import { listen } from "./sound";
import { test } from "./test";

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } as const;
const desktop = { viewport: { width: 1280, height: 800 } } as const;
const grants = { permissions: ["microphone", "camera"], reducedMotion: "reduce" as const };

async function guest(browser: Browser, options: object = {}): Promise<Page> {
  const context = await browser.newContext({ ...desktop, ...grants, ...options });
  await listen(context);
  return context.newPage();
}

async function look(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(300);
  await page.screenshot({ path: `e2e/shots/meet-${name}.png` });
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)).toEqual([]);
}

/** Goes through the green room and knocks, or comes in. */
async function join(page: Page, name: string): Promise<void> {
  await expect(page.getByTestId("meet-join")).toBeEnabled();
  await page.getByTestId("meet-name").fill(name);
  await page.getByTestId("meet-join").click();
}

const tile = (page: Page, name: string, kind = "camera") =>
  page.locator(`[data-testid=tile][data-name="${name}"][data-kind=${kind}]`);

/** What comes on the newest connection: decoded pictures by line, and the energy of each voice. */
function gets(page: Page): Promise<{ pictures: Record<string, number>; voices: Record<string, number> }> {
  return page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const pictures: Record<string, number> = {};
    const voices: Record<string, number> = {};
    for (const [, s] of (await connections.at(-1)?.getStats()) ?? []) {
      if (s.type !== "inbound-rtp") continue;
      if (s.kind === "video") pictures[s.mid] = s.framesDecoded ?? 0;
      else voices[s.mid] = s.totalAudioEnergy ?? 0;
    }
    return { pictures, voices };
  });
}

/** How many layers of its camera a page sends. */
function layers(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const camera = connections
      .at(-1)
      ?.getSenders()
      .find((s) => s.track?.kind === "video");
    return camera?.getParameters().encodings.filter((e) => e.active).length ?? 0;
  });
}

/** So many others are seen and heard: pictures are decoded and sound has energy, and both go on. */
async function expectOthers(page: Page, seen: number, heard = seen): Promise<void> {
  const grown = (now: Record<string, number>, then: Record<string, number>, by: number) =>
    Object.entries(now).filter(([mid, n]) => n > (then[mid] ?? 0) + by).length;
  await expect
    .poll(
      async () => {
        const before = await gets(page); // anew each time: sound on its way when somebody was muted counts once
        await page.waitForTimeout(2000);
        const now = await gets(page);
        return [grown(now.pictures, before.pictures, 3), grown(now.voices, before.voices, 0)];
      },
      { message: "pictures and voices of the others", timeout: 40_000 },
    )
    .toEqual([seen, heard]);
}

/** Opens what the console opens in another tab. */
async function opened(context: BrowserContext, click: () => Promise<void>): Promise<Page> {
  const [page] = await Promise.all([context.waitForEvent("page"), click()]);
  await page.waitForLoadState();
  return page;
}

test("four people meet: join, speak, share, lose the gateway, come back, leave", async ({ browser }) => {
  test.setTimeout(600_000); // four browsers that send and show video take minutes on two slow cores
  const link = g
    .run(
      "link",
      "create",
      "--meet",
      "--to",
      "queue/main",
      "--contact",
      "Miriam Oster",
      "--subject",
      "Cold chain 48 211",
    )
    .trim();
  expect(link).toContain("/meet/");
  const jana = await agent(browser, g, "jana", { ...desktop, ...grants });
  await listen(jana.context);

  // A customer opens the link: preview, level, and the door.
  const miriam = await guest(browser);
  await miriam.goto(link);
  await expect(miriam.getByTestId("meet-name")).toHaveValue("Miriam Oster");
  await expect(miriam.getByTestId("meet-preview")).toBeVisible();
  await expect
    .poll(() => miriam.getByTestId("meet-level").locator("i").getAttribute("data-level").then(Number))
    .toBeGreaterThan(0);
  await look(miriam, "green-desktop-light");
  await miriam.getByTestId("meet-join").click();
  await expect(miriam.getByTestId("meet-lobby")).toBeVisible();

  // It rings in the queue; the agent takes it and opens the meeting.
  await jana.page.getByTestId("offer-accept").click();
  await expect(jana.page.getByTestId("meeting-item")).toHaveAttribute("data-running", "true");
  await expect(jana.page.getByTestId("meet-door")).toContainText("Miriam Oster");
  await jana.page.getByTestId("meet-button").click();
  const host = await opened(jana.context, () => jana.page.getByTestId("meet-open").click());
  await expect(host.getByTestId("meet-name")).toHaveValue("Jana Brandt");
  await host.getByTestId("meet-join").click();
  await host.getByTestId("meet-admit").click();
  await expect(tile(miriam, "Jana Brandt")).toBeVisible();
  await expectOthers(miriam, 1);
  await expectOthers(host, 1);

  // Two more come; nobody makes another offer for it.
  const jonas = await guest(browser);
  const lea = await guest(browser);
  for (const [page, name] of [
    [jonas, "Jonas Feld"],
    [lea, "Lea Winter"],
  ] as const) {
    await page.goto(link);
    await join(page, name);
    await expect(page.getByTestId("meet-lobby")).toBeVisible();
    await host.getByTestId("meet-admit").click();
    await expect(page.locator("main[data-at=in]")).toBeVisible();
  }
  const everybody = [host, miriam, jonas, lea];
  for (const page of everybody) await expectOthers(page, 3);
  expect(await miriam.evaluate(() => (window as unknown as { connections: unknown[] }).connections.length)).toBe(1);
  await look(miriam, "four-desktop");

  // Chat, kept with the conversation.
  await lea.getByTestId("meet-chat").click();
  await lea.getByTestId("meet-text").fill("The probe is at 7 °C");
  await lea.getByTestId("meet-send").click();
  await expect(lea.getByTestId("meet-line")).toHaveCount(1);
  await host.getByTestId("meet-chat").click();
  await expect(host.getByTestId("meet-line")).toContainText("The probe is at 7 °C");
  await expect(jana.page.getByText("Lea Winter wrote in the meeting: The probe is at 7 °C")).toBeVisible();
  await lea.getByTestId("panel-close").click();

  // Mute all: nobody is heard but the agent, until they say so themselves.
  await host.getByTestId("meet-people").click();
  await host.getByTestId("meet-mute-all").click();
  for (const page of [miriam, jonas, lea])
    await expect(page.getByTestId("meet-mic")).toHaveAttribute("data-off", "true");
  await expect(miriam.getByTestId("meet-notice")).toContainText("Jana Brandt");
  await expectOthers(lea, 3, 1);
  await jonas.getByTestId("meet-mic").click();
  await expectOthers(lea, 3, 2);

  // Lock: a fifth does not get in.
  await host.getByTestId("meet-lock").click();
  const fifth = await guest(browser);
  await fifth.goto(link);
  await join(fifth, "Somebody");
  await expect(fifth.getByTestId("meet-refused")).toContainText("locked");
  await fifth.context().close();
  await look(host, "people-desktop");
  await host.getByTestId("meet-lock").click();
  await host.getByTestId("panel-close").click();

  // A screen is shared and seen by all.
  await jonas.getByTestId("meet-share").click();
  for (const page of [host, miriam, lea]) {
    await expect(tile(page, "Jonas Feld", "screen")).toBeVisible();
    await expectOthers(page, 4, page === lea ? 2 : page === host ? 1 : 2);
  }
  await look(lea, "share-desktop");
  await jonas.getByTestId("meet-share").click();
  await expect(tile(lea, "Jonas Feld", "screen")).toHaveCount(0);

  // The gateway dies and comes back: everybody is in again, without a click.
  await g.kill();
  await g.start();
  for (const page of everybody) {
    await expect(page.locator("main[data-at=in][data-line=up]")).toBeVisible();
    await expect(page.getByTestId("tile")).toHaveCount(4);
    await expectOthers(page, 3, page === host || page === jonas ? 1 : 2);
  }
  // A reload leads back in, too.
  await lea.reload();
  await expect(lea.locator("main[data-at=in]")).toBeVisible();
  await expectOthers(lea, 3, 2);

  // One leaves; the agent ends it for the rest.
  await lea.getByTestId("meet-leave").click();
  await expect(lea.getByTestId("meet-end")).toBeVisible();
  await look(lea, "left-desktop-light");
  await expect(host.getByTestId("tile")).toHaveCount(3);
  await host.getByTestId("meet-people").click();
  await host.getByTestId("meet-end-all").click();
  await host.getByTestId("meet-end-sure").click();
  await expect(miriam.getByTestId("meet-end")).toBeVisible();
  const line = jana.page.getByTestId("meeting-item");
  await expect(line).toHaveAttribute("data-outcome", "held");
  await expect(line).toContainText("Lea Winter");
});

test("from a chat the agent sends a link, and the customer joins by phone", async ({ browser }) => {
  const jana = await agent(browser, g, "jana", { ...desktop, ...grants, colorScheme: "dark" });
  await listen(jana.context);
  const shop = await browser.newContext({ ...phone, ...grants, colorScheme: "dark" });
  const page = await shop.newPage();
  await page.goto(g.world);
  await page.getByTestId("launcher").click();
  await page.getByTestId("composer").fill("May I show you the damage?");
  await page.getByTestId("send").click();
  await jana.page.getByTestId("offer-accept").first().click();
  await jana.page.getByTestId("meet-button").click();
  const url = await jana.page.getByTestId("meet-url").innerText();
  await look(jana.page, "console-dark");
  const host = await opened(jana.context, () => jana.page.getByTestId("meet-send").click());
  await host.getByTestId("meet-join").click();
  await expect(host.getByTestId("meet-alone")).toBeVisible();
  await look(host, "alone-dark");
  await expect.poll(() => layers(host), { message: "nobody looks", timeout: 20_000 }).toBe(1);

  await expect(page.locator(`a[href="${url}"]`)).toBeVisible();
  const customer = await shop.newPage();
  await customer.goto(url);
  await expect(customer.getByTestId("meet-preview")).toBeVisible();
  await look(customer, "green-phone-dark");
  await join(customer, "Kim");
  await expect(customer.getByTestId("meet-lobby")).toBeVisible();
  await look(customer, "lobby-phone-dark");
  await host.getByTestId("meet-admit").click();
  await expect(tile(customer, "Jana Brandt")).toBeVisible();
  await look(customer, "in-phone");
  await expect.poll(() => layers(host), { message: "somebody looks" }).toBeGreaterThan(1);
  await customer.getByTestId("meet-cam").click();
  await expect(customer.getByTestId("meet-cam")).toHaveAttribute("data-off", "true");
  await expect(tile(host, "Kim").locator(".face")).toBeVisible();
  await customer.getByTestId("meet-chat").click();
  await look(customer, "chat-phone");
  await customer.getByTestId("panel-close").click();
  await customer.getByTestId("meet-leave").click();
  await expect(jana.page.getByTestId("meeting-item")).toContainText("Jana Brandt");
});

test("a page that may not use camera and microphone joins all the same; a dead link says so", async ({ browser }) => {
  const link = g.run("link", "create", "--meet", "--to", "queue/main").trim();
  const page = await guest(browser, { permissions: [], colorScheme: "dark", locale: "de-DE" });
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.goto(link);
  await expect(page.getByRole("heading")).toHaveText("Videogespräch");
  await page.getByTestId("meet-start").click();
  await expect(page.getByTestId("meet-trouble")).toContainText("Adresszeile");
  await look(page, "green-desktop-dark");
  await join(page, "Ole");
  await expect(page.getByTestId("meet-lobby")).toBeVisible();
  await page.goto(`${g.url}/meet/not-a-link`);
  await expect(page.getByTestId("meet-end")).toContainText("abgelaufen");
});
