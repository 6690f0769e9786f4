// The widget on websites and networks that do not make it easy.

import { type Browser, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agentWithPassword, expectTexts, message, openWidget, person, say } from "./people";
import { Site } from "./site";
import { test } from "./test";
import { Wire } from "./wire";

let site: Site;
let g: Gateway;
let wire: Wire;
test.beforeEach(async () => {
  site = await Site.open();
  g = await Gateway.serve(site.origin);
  wire = await Wire.open(g.url);
  site.script = tag();
});
test.afterEach(async () => {
  await Promise.all([wire.close(), g.stop(), site.close()]);
});

function tag(more = ""): string {
  return `<script src="${wire.url}/widget.js" data-site="shop" ${more} async></script>`;
}

/** A visitor in a chat with Jana, both having said something. */
async function chatting(browser: Browser): Promise<{ visitor: Page; jana: Page }> {
  const jana = await agentWithPassword(browser, g, "jana");
  const { page } = await person(browser);
  await page.goto(site.origin);
  await openWidget(page);
  await say(page, "One from the visitor");
  await accept(jana.page);
  await say(jana.page, "Two from Jana");
  await expect(message(page, "Two from Jana")).toBeVisible();
  return { visitor: page, jana: jana.page };
}

const said = ["One from the visitor", "Two from Jana", "Three while cut off", "Four meanwhile"];

/** Everything that was said is there, on both sides, once. */
async function expectAll(pages: Page[]): Promise<void> {
  for (const page of pages) {
    for (const text of said) await expect(message(page, text)).toHaveCount(1);
  }
}

test("the network is cut: what both write meanwhile arrives, once", async ({ browser }) => {
  const { visitor, jana } = await chatting(browser);
  wire.cut();
  await expect(visitor.getByTestId("lost")).toBeVisible();
  await say(visitor, "Three while cut off");
  await say(jana, "Four meanwhile");
  await expect(message(visitor, "Three while cut off")).toHaveAttribute("data-delivery", "waiting");
  wire.mend();
  await expectAll([visitor, jana]);
  await expect(visitor.getByTestId("lost")).toHaveCount(0);
});

test("a network that dies without a word is noticed", async ({ browser }) => {
  const { visitor, jana } = await chatting(browser);
  wire.silence();
  await say(visitor, "Three while cut off");
  await say(jana, "Four meanwhile");
  await expect(visitor.getByTestId("lost")).toBeVisible();
  wire.mend();
  await expectAll([visitor, jana]);
});

test("a locked phone: frozen, its connection gone, everything there when it wakes", async ({ browser }) => {
  const { visitor, jana } = await chatting(browser);
  const lock = await visitor.context().newCDPSession(visitor);
  await lock.send("Page.setWebLifecycleState", { state: "frozen" });
  wire.cut();
  await say(jana, "Four meanwhile");
  wire.mend();
  await lock.send("Page.setWebLifecycleState", { state: "active" });
  await say(visitor, "Three while cut off");
  await expectAll([visitor, jana]);
});

test("a page change in the middle of a lost network keeps what was not sent", async ({ browser }) => {
  const { visitor, jana } = await chatting(browser);
  wire.cut();
  await say(visitor, "Three while cut off");
  const leaving = visitor.goto(`${site.origin}/other`); // its script waits for the network
  await say(jana, "Four meanwhile");
  wire.mend();
  await leaving;
  await visitor.reload();
  await expectAll([visitor, jana]);
});

test("two tabs of one visitor show the same; a closed browser forgets, unless it was told to keep", async ({
  browser,
}) => {
  const { visitor, jana } = await chatting(browser);
  await visitor.getByTestId("settings").click();
  await visitor.getByTestId("keep").check();
  await visitor.getByTestId("settings").click();
  const second = await visitor.context().newPage();
  await second.goto(site.origin);
  await openWidget(second);
  await expectTexts(second, said.slice(0, 2));
  await say(second, "Three while cut off");
  await expect(message(visitor, "Three while cut off")).toHaveCount(1);
  await say(jana, "Four meanwhile");
  await expectAll([visitor, second, jana]);

  const stored = () => second.evaluate(() => Object.keys(localStorage).filter((k) => k.startsWith("backline:")).length);
  expect(await stored()).toBeGreaterThan(0);
  await second.getByTestId("settings").click();
  await second.getByTestId("erase").click();
  await expect(message(second, "Two from Jana")).toHaveCount(0);
  expect(await stored()).toBe(0);
});

test("before anybody wants it: one request, no cookie, nothing stored, nothing moves", async ({ browser }) => {
  const { page } = await person(browser);
  const asked: string[] = [];
  page.on("request", (r) => r.url().startsWith(wire.url) && asked.push(new URL(r.url()).pathname));
  await page.addInitScript(() => {
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) document.title += ` shift ${(e as unknown as { value: number }).value}`;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(site.origin);
  await expect(page.getByTestId("launcher")).toBeVisible();
  await page.waitForTimeout(500);
  expect(asked).toEqual(["/widget.js"]);
  expect(await page.title()).toBe("Shop");
  await openWidget(page);
  await expect(page.getByTestId("status")).not.toHaveText(/Connecting/);
  expect(await page.context().cookies()).toEqual([]);
  const kept = await page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage)));
  expect(kept).toEqual(["backline:shop:open"]);
});

test("a strict policy, trusted types and hostile styles change nothing", async ({ browser }) => {
  site.headers = {
    "Content-Security-Policy": `default-src 'none'; script-src 'nonce-n1'; style-src 'nonce-n1'; connect-src ${wire.url} ${wire.url.replace("http", "ws")}; require-trusted-types-for 'script'`,
  };
  site.script =
    `<style nonce="n1">*{position:static!important;color:red!important;font-size:40px!important;display:block!important}</style>` +
    tag('nonce="n1"');
  const { page } = await person(browser);
  const broken: string[] = [];
  page.on("console", (m) => m.type() === "error" && broken.push(m.text()));
  page.on("pageerror", (e) => broken.push(e.message));
  await page.goto(site.origin);
  await openWidget(page);
  await page.getByTestId("offline-message").fill("Through the wall");
  const look = await page.getByTestId("dialog").evaluate((d) => {
    const of = (e: Element) => getComputedStyle(e);
    const host = (d.getRootNode() as ShadowRoot).host;
    const title = d.querySelector("h1");
    return [of(host).position, of(d).position, title && of(title).fontSize, title && of(title).color];
  });
  expect(look).toEqual(["fixed", "fixed", "17px", "rgb(18, 24, 26)"]);
  expect(broken).toEqual([]);
});

test("a website that may not show the chat is refused, and says so", async ({ browser }) => {
  const other = await Site.open();
  try {
    other.script = site.script;
    const { page } = await person(browser);
    await page.goto(other.origin);
    await page.getByTestId("launcher").click();
    await expect(page.getByText(/cannot be reached|not set up/)).toBeVisible();
  } finally {
    await other.close();
  }
});

test("keys: Esc closes and the focus goes back; a new message counts on the launcher", async ({ browser }) => {
  const { visitor, jana } = await chatting(browser);
  await expect(visitor.getByTestId("composer")).toBeFocused();
  await visitor.keyboard.press("Escape");
  await expect(visitor.getByTestId("dialog")).toBeHidden();
  await expect(visitor.getByTestId("launcher")).toBeFocused();
  await say(jana, "Four meanwhile");
  await expect(visitor.getByTestId("launcher")).toContainText("1");
  await expect(message(jana, "Four meanwhile")).toHaveAttribute("data-delivery", "delivered");
  await visitor.keyboard.press("Enter");
  await expect(message(visitor, "Four meanwhile")).toBeVisible();
  await expect(message(jana, "Four meanwhile")).toHaveAttribute("data-delivery", "read");
});

test("German where the page is German, or the tag says so", async ({ browser }) => {
  site.script = tag('data-language="de"');
  const { page } = await person(browser);
  await page.goto(site.origin);
  await openWidget(page);
  await expect(page.getByTestId("status")).toContainText("Im Moment ist niemand angemeldet.");
  await expect(page.getByTestId("dialog")).toHaveAttribute("lang", "de");
});

test("the first gateway is gone before the page opens: the second one serves the chat", async ({ browser }) => {
  const dead = await Gateway.serve(site.origin);
  await dead.stop();
  const quiet = await Wire.open(g.url);
  quiet.silence();
  try {
    for (const first of [dead.url, quiet.url]) {
      site.script = `<script src="${wire.url}/widget.js" data-site="shop" data-endpoints="${first} ${g.url}" async></script>`;
      const { page, context } = await person(browser);
      await page.goto(site.origin);
      await expect(page.getByTestId("launcher")).toBeVisible();
      wire.cut(); // the script is here, its own gateway is not any more
      await openWidget(page);
      await expect(page.getByTestId("status")).toContainText("Nobody is signed in");
      await context.close();
      wire.mend();
    }
  } finally {
    await quiet.close();
  }
});

test("two tags for two gateways: with both there is one button, with one gone there still is", async ({ browser }) => {
  const gone = await Gateway.serve(site.origin);
  const both = [
    [g.url, gone.url],
    [gone.url, g.url],
  ].map(([a, b]) => `<script src="${a}/widget.js" data-site="shop" data-endpoints="${b}" async></script>`);
  site.script = both.join("");
  const { page } = await person(browser);
  await page.goto(site.origin);
  await openWidget(page);
  await expect(page.getByTestId("dialog")).toHaveCount(1);
  await gone.stop();
  for (const tags of [both, both.toReversed()]) {
    site.script = tags.join("");
    const visit = await person(browser);
    await visit.page.goto(site.origin);
    await openWidget(visit.page);
    await expect(visit.page.getByTestId("status")).toContainText("Nobody is signed in");
    await visit.context.close();
  }
});
