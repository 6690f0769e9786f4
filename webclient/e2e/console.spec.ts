// The console in the hands of an agent: signing in, keys, what rings, bad lines, a phone, long lists.

import { type Browser, expect, type Page } from "@playwright/test";
import { Gateway, password } from "./gateway";
import { accept, agent, agentWithPassword, message, openWidget, person, ready, say } from "./people";
import { Site } from "./site";
import { test } from "./test";
import { Wire } from "./wire";

let site: Site;
let g: Gateway;
test.beforeAll(async () => {
  site = await Site.open();
  g = await Gateway.serve(site.origin);
  site.script = `<script src="${g.url}/widget.js" data-site="shop" async></script>`;
});
test.afterAll(async () => {
  await Promise.all([g.stop(), site.close()]);
});

async function visitor(browser: Browser, text: string): Promise<Page> {
  const { page } = await person(browser);
  await page.goto(site.origin);
  await openWidget(page);
  await say(page, text);
  return page;
}

/** Ends what is open, so that the next test begins with nothing. */
async function done(jana: Page, ...visitors: Page[]): Promise<void> {
  await jana.getByTestId("close").click();
  await expect(jana.getByTestId("close")).toHaveCount(0);
  for (const page of [jana, ...visitors]) await page.context().close();
}

test("a wrong password is refused, a session outlives a reload, signing out ends it everywhere", async ({
  browser,
}) => {
  const { page, context } = await person(browser);
  await page.goto(g.url);
  await page.getByLabel("Agent name").fill("jana");
  await page.getByLabel("Password").fill("not the password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText(/password/i);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("inbox")).toBeVisible();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Lax" });
  expect(await page.evaluate(() => document.cookie)).toBe("");

  await page.reload();
  await expect(page.getByTestId("inbox")).toBeVisible();
  const second = await context.newPage();
  await second.goto(g.url);
  await expect(second.getByTestId("inbox")).toBeVisible();
  await page.getByTestId("presence").click();
  await page.getByTestId("sign-out").click();
  await expect(page.getByLabel("Password")).toBeVisible();
  await expect(second.getByLabel("Password")).toBeVisible();
  await context.close();
});

test("what rings is heard and seen: sound, title, favicon, notification of the system; then it is calm", async ({
  browser,
}) => {
  const { page, context } = await person(browser, { permissions: ["notifications"] });
  await page.addInitScript(() => {
    const seen = { notes: 0, told: [] as string[], closed: 0 };
    Object.assign(window, { seen });
    const note = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () {
      seen.notes++;
      return note.call(this);
    };
    class Told {
      static permission = "granted";
      onclick = null;
      constructor(title: string, o: NotificationOptions) {
        seen.told.push(`${title}: ${o.body}`);
      }
      close(): void {
        seen.closed++;
      }
    }
    Object.assign(window, { Notification: Told });
    Object.defineProperty(document, "hidden", { get: () => true });
  });
  const seen = () =>
    page.evaluate(() => (window as unknown as { seen: { notes: number; told: string[]; closed: number } }).seen);
  await page.goto(g.url);
  await page.getByLabel("Agent name").fill("jana");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await ready(page);
  const icon = page.locator('link[rel="icon"]');
  await expect(icon).toHaveAttribute("data-look", "calm");
  const guest = await visitor(browser, "Is anybody there?");
  await expect(page).toHaveTitle(/Ringing/);
  await expect(icon).toHaveAttribute("data-look", "ring");
  await expect.poll(async () => (await seen()).told).toEqual(["Visitor: Chat from the website"]);
  // The focus stays where it was.
  await expect(page.getByTestId("offer").locator(":focus")).toHaveCount(0);
  await page.keyboard.press("a");
  await expect(message(page, "Is anybody there?")).toBeVisible();
  await expect(icon).toHaveAttribute("data-look", "calm");
  await expect(page).toHaveTitle("Backline");
  await expect.poll(async () => (await seen()).told.length - (await seen()).closed).toBe(0);
  const before = await seen();
  expect(before.notes).toBeGreaterThanOrEqual(2);

  // A message, while the window is hidden: a note and a notification, without what was written.
  await say(guest, "A secret number: 4711");
  await expect.poll(async () => (await seen()).told.slice(before.told.length)).toEqual(["Visitor: New message"]);
  expect((await seen()).notes).toBeGreaterThan(before.notes);
  await done(page, guest);
  await context.close();
});

test("everything goes by keys", async ({ browser }) => {
  const jana = await agentWithPassword(browser, g, "jana");
  const { page } = jana;
  const guest = await visitor(browser, "By keys, please");
  await expect(page.getByTestId("offer")).toBeVisible();
  await page.keyboard.press("a");
  await expect(message(page, "By keys, please")).toBeVisible();
  await expect(page.getByTestId("composer")).toBeEnabled();
  await page.keyboard.press("Escape"); // out of the composer, if it has the focus
  await page.keyboard.press("r");
  await expect(page.getByTestId("composer")).toBeFocused();
  await page.keyboard.type("akdn12"); // these are letters here, not commands
  await page.keyboard.press("Control+Enter");
  await expect(message(page, "akdn12")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("n");
  await page.keyboard.type("only for us");
  await page.keyboard.press("Control+Enter");
  await expect(message(page, "only for us")).toHaveAttribute("data-kind", "note");
  await page.keyboard.press("Escape");
  for (const [key, tab] of [
    ["2", "waiting"],
    ["3", "everyone"],
    ["4", "done"],
    ["1", "mine"],
  ] as const) {
    await page.keyboard.press(key);
    await expect(page.getByTestId(`tab-${tab}`)).toHaveAttribute("aria-selected", "true");
  }
  await page.keyboard.press("/");
  await expect(page.getByTestId("search")).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard" });
  await expect(help).toBeVisible();
  await page.keyboard.press("e"); // a dialog is open: nothing is closed behind it
  await page.keyboard.press("Escape");
  await expect(help).toHaveCount(0);
  await page.keyboard.press("t");
  await expect(page.getByTestId("transfer-menu")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("transfer-menu")).toHaveCount(0);
  await page.keyboard.press("p");
  await expect(page.getByTestId("presence-away")).toBeVisible();

  await page.getByLabel("Commands by single keys").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("e");
  await page.keyboard.press("2");
  await expect(page.getByTestId("tab-mine")).toHaveAttribute("aria-selected", "true");
  await expect(page.getByTestId("close")).toBeVisible();
  await page.getByTestId("presence").click();
  await page.getByLabel("Commands by single keys").check();
  await page.keyboard.press("Escape");
  await page.keyboard.press("e");
  await expect(page.getByTestId("close")).toHaveCount(0);
  await jana.context.close();
  await guest.context().close();
});

test("the line is cut: it comes back by itself with exactly what was missed", async ({ browser }) => {
  const wire = await Wire.open(g.url);
  try {
    const jana = await agentWithPassword(browser, { ...g, url: wire.url } as Gateway, "jana");
    const { page } = jana;
    const guest = await visitor(browser, "Before the cut");
    await accept(page);
    await say(page, "Answered before the cut");
    for (const lose of ["cut", "silence"] as const) {
      wire[lose]();
      await say(guest, `Said during the ${lose}`);
      await page.getByTestId("composer").fill(`Answered during the ${lose}`);
      await page.getByTestId("send").click();
      if (lose === "cut") await expect(page.getByTestId("connection")).toContainText("is gone");
      await expect(message(guest, `Answered during the ${lose}`)).toHaveCount(0);
      wire.mend();
      await expect(message(page, `Said during the ${lose}`)).toHaveCount(1);
      await expect(message(guest, `Answered during the ${lose}`)).toHaveCount(1);
      await expect(message(page, `Answered during the ${lose}`)).toHaveCount(1);
    }
    await expect(page.getByTestId("connection")).toHaveText("");
    await expect(page.getByTestId("message").filter({ hasNotText: "·" })).toHaveCount(6); // and nothing else
    await done(page, guest);
  } finally {
    await wire.close();
  }
});

test("on a phone: one pane at a time, and back", async ({ browser }) => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const jana = await agentWithPassword(browser, g, "jana", phone);
  const { page } = jana;
  const guest = await visitor(browser, "Hello from a desk");
  await page.getByTestId("offer-accept").tap();
  await expect(page.getByTestId("inbox")).toBeHidden();
  await say(page, "Hello from a sofa");
  await expect(message(guest, "Hello from a sofa")).toBeVisible();
  await page.getByRole("button", { name: "About this contact" }).tap();
  await expect(page.getByTestId("context").getByText("Website chat, shop")).toBeInViewport();
  await page.getByTestId("context").getByRole("button", { name: "Close" }).tap();
  await expect(page.getByTestId("context").getByText("Website chat, shop")).not.toBeInViewport();
  await page.getByTestId("back").tap();
  await expect(page.getByTestId("inbox")).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await page.getByTestId("conversation").first().tap();
  await expect(page.getByTestId("inbox")).toBeHidden();
  await page.goBack(); // as the phone's own gesture does
  await expect(page.getByTestId("inbox")).toBeVisible();
  await page.getByTestId("conversation").first().tap();
  await page.reload();
  await expect(message(page, "Hello from a sofa")).toBeVisible(); // it is open again
  await done(page, guest);
});

test("ten thousand conversations: only those in view are drawn, also while they change", async ({ browser }) => {
  const { page, context } = await person(browser);
  const now = Date.now();
  const head = (i: number, more = {}) => ({
    id: `x${i}`,
    channel: "sms",
    entry: "",
    state: "waiting",
    queue: "main",
    agent: "",
    target: "queue/main",
    contact: { id: `k${i}`, name: `Customer ${i}`, identities: [] },
    opened_at: new Date(now - i * 1000).toISOString(),
    waiting_since: new Date(now - i * 1000).toISOString(),
    last_at: new Date(now - i * 1000).toISOString(),
    messages: { inbound: 1, outbound: 0 },
    unread: 1,
    preview: `Where is delivery ${i}?`,
    preview_from: "inbound",
    priority: 0,
    rev: 1,
    ...more,
  });
  let change = (_i: number) => {};
  await page.routeWebSocket(/ws\/console/, (ws) => {
    const server = ws.connectToServer();
    server.onMessage((m) => {
      if (JSON.parse(String(m)).t === "ready") {
        for (let i = 0; i < 10_000; i += 500) {
          const conversations = Array.from({ length: 500 }, (_, k) => head(i + k));
          ws.send(JSON.stringify({ t: "list", conversations }));
        }
      }
      ws.send(m);
    });
    change = (i) => {
      const conversation = head(i, { rev: 2, preview: "Changed", last_at: new Date().toISOString() });
      ws.send(JSON.stringify({ t: "update", position: 1, conversation }));
    };
  });
  await page.goto(g.url);
  await page.getByLabel("Agent name").fill("jana");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByTestId("tab-everyone").click();
  await expect(page.getByTestId("tab-everyone")).toContainText("10k");
  const rows = page.getByTestId("conversation");
  await expect(rows.first()).toContainText("Customer 0");
  expect(await rows.count()).toBeLessThan(40);
  await page.locator("#sh-rows").evaluate((e) => (e.scrollTop = e.scrollHeight / 2));
  await expect(rows.filter({ hasText: "Customer 5000" })).toBeVisible();
  expect(await rows.count()).toBeLessThan(40);
  await page.locator("#sh-rows").evaluate((e) => (e.scrollTop = 0));
  change(9_999);
  await expect(rows.first()).toContainText("Changed");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(page.locator(".sh-on")).toContainText("Customer 0");
  await context.close();
});

test("Messenger's window stands in the composer, and shuts it when it is over", async ({ browser }) => {
  const demo = await Gateway.demo();
  try {
    const { page, context } = await person(browser);
    let until = Date.now() + 45 * 60_000;
    let state = "open";
    await page.routeWebSocket(/ws\/console/, (ws) => {
      const server = ws.connectToServer();
      server.onMessage((m) => {
        const f = JSON.parse(String(m));
        for (const c of [f.conversation, ...(f.conversations ?? [])]) {
          if (c?.window) c.window = { state, until: new Date(until).toISOString() };
        }
        ws.send(JSON.stringify(f));
      });
    });
    await page.goto(demo.url);
    await page.getByTestId("signin-jana").click();
    await ready(page);
    const phone = await person(browser);
    await phone.page.goto(`${demo.world}/simulator`);
    const device = phone.page.locator("[data-kind=messenger]");
    const write = async (text: string) => {
      await device.getByRole("textbox").fill(text);
      await device.getByRole("button", { name: "Send", exact: true }).click();
    };
    await write("Open for how long?");
    await accept(page);
    const thread = page.getByTestId("thread");
    await expect(thread).toContainText("Replies possible until");
    until = Date.now() + 3 * 86_400_000;
    state = "human_agent";
    await write("A day later");
    await expect(thread).toContainText("The 24 hours are over");
    await expect(page.getByTestId("composer")).toBeEnabled();
    until = Date.now() - 1000;
    state = "closed";
    await write("A week later");
    await expect(thread).toContainText("The reply window of this network is over");
    await expect(page.getByTestId("composer")).toBeDisabled();
    await page.getByTestId("note-tab").click();
    await expect(page.getByTestId("composer")).toBeEnabled(); // notes are always possible
    await context.close();
  } finally {
    await demo.stop();
  }
});

test("canned replies at a slash, an SMS counted in parts, a conversation given back", async ({ browser }) => {
  const demo = await Gateway.demo();
  try {
    const jana = await agent(browser, demo, "jana");
    const { page } = jana;
    const phone = await person(browser);
    await phone.page.goto(`${demo.world}/simulator`);
    const device = phone.page.locator("[data-kind=sms]");
    await device.getByRole("textbox").fill("Gate 4?");
    await device.getByRole("button", { name: "Send", exact: true }).click();
    await accept(page);
    const composer = page.getByTestId("composer");
    await composer.pressSequentially("/good");
    await page.keyboard.press("Enter");
    await expect(composer).toHaveValue(/You are welcome/);
    await expect(page.getByTestId("thread")).toContainText("1 SMS");
    await composer.fill("я".repeat(71));
    await expect(page.getByTestId("thread")).toContainText("2 SMS");
    await composer.fill("a draft");
    await page.getByTestId("return").click();
    await expect(page.getByTestId("offer")).toBeVisible(); // nobody else is there: it rings here again
    await accept(page);
    await expect(composer).toHaveValue("a draft");
    await page.reload();
    await expect(composer).toHaveValue("a draft");
  } finally {
    await demo.stop();
  }
});

test("two windows of one agent: it rings in both and is answered once", async ({ browser }) => {
  const jana = await agentWithPassword(browser, g, "jana");
  const second = await jana.context.newPage();
  await second.goto(g.url);
  await expect(second.getByTestId("inbox")).toBeVisible();
  const guest = await visitor(browser, "Twice, please");
  await expect(second.getByTestId("offer")).toBeVisible();
  await accept(jana.page);
  await expect(second.getByTestId("offer")).toHaveCount(0);
  await second.getByTestId("conversation").first().click();
  await say(second, "From the second window");
  await expect(message(jana.page, "From the second window")).toHaveCount(1);
  await done(jana.page, guest);
});
