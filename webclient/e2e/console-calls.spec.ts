// The console's side of calls, the emergency switch and talk links, against a gateway of the test's making.

import { type Browser, expect, type Page } from "@playwright/test";
import { ago, callOf, conversation, FakeGateway, FarEnd, ringing } from "./faked";
import { Gateway } from "./gateway";
import { camera, looks } from "./look";
import { test } from "./test";

let g: Gateway;
let fake: FakeGateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});
test.beforeEach(() => {
  fake = new FakeGateway(g.url);
});

/** The gateway takes what it is asked, and answers lines through a far end. */
async function obey(browser: Browser): Promise<void> {
  const far = await FarEnd.open(browser, g.url);
  fake.does = async (c) => {
    const known = fake.conversations.find((x) => x.id === c.conversation);
    if (!known) return {};
    if (c.do === "accept" && known.call) {
      fake.update({
        ...known,
        state: "active",
        agent: "jana",
        offer: null,
        call: { ...known.call, state: "answered", agent: "jana" },
      });
    }
    if (c.do === "call") {
      fake.update({
        ...known,
        call: callOf({ id: c.call ?? "", state: "ringing", from: "agent", connected_at: null }),
      });
    }
    if (c.do === "hangup") wrapUp(known.id);
    if (c.do === "end_wrap_up") fake.update({ ...known, state: "closed", wrap_up_until: null, closed_at: ago(0) });
    return c.do === "offer" ? { sdp: await far.answer(c.sdp ?? "") } : {};
  };
}

function connect(id: string): void {
  const c = fake.conversations.find((x) => x.id === id);
  if (c?.call) fake.update({ ...c, call: { ...c.call, state: "connected", connected_at: ago(0) } });
}

function wrapUp(id: string): void {
  const c = fake.conversations.find((x) => x.id === id);
  if (!c) return;
  const last_call = {
    from: "customer",
    outcome: "answered",
    talk_ms: 4000,
    wait_ms: 12_000,
    reason: "agent",
    agent: "jana",
  };
  const wrap_up_until = new Date(Date.now() + 30_000).toISOString();
  fake.update({ ...c, state: "wrap-up", call: null, last_call, wrap_up_until });
}

/** In the page: a microphone into which somebody speaks without a pause. The browser's own beeps now and then. */
function speaking(): void {
  navigator.mediaDevices.getUserMedia = async () => {
    const audio = new AudioContext();
    const voice = audio.createOscillator();
    const out = audio.createMediaStreamDestination();
    voice.connect(out);
    voice.start();
    return out.stream;
  };
}

const did = (what: string) => fake.commands.filter((c) => c.do === what).length;

test("a call rings, is accepted with A, runs, is muted, hung up and written up", async ({ browser }) => {
  await obey(browser);
  const page = await fake.open(browser);
  await page.addInitScript(speaking);
  await page.reload();
  await expect(page.getByTestId("inbox")).toBeVisible();
  const c = ringing("Miriam Oster");
  fake.update(c);
  const offer = page.getByTestId("offer");
  await expect(offer).toHaveRole("alertdialog");
  await expect(offer).toContainText("Miriam Oster");
  await expect(offer).toContainText("Delivery 48 207 refused at ramp");
  await expect(offer).toContainText("2 others are rung too");
  await expect(page.getByTestId("call-waited")).toHaveText(/waits 0:[1-5]\d/);
  await expect(page).toHaveTitle("● Ringing: Miriam Oster");
  await page.keyboard.press("a");
  const card = page.getByTestId("call-card");
  await expect(card).toHaveAttribute("data-here", "connected");
  await expect(offer).toHaveCount(0);
  connect(c.id);
  await expect(card).toHaveAttribute("data-state", "connected");
  await expect(page.getByTestId("call-quality")).toHaveText("Good line");
  await expect(page).toHaveTitle("● In a call: Miriam Oster");

  await page.keyboard.press("m");
  await expect(page.getByTestId("call-mute")).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByTestId("muted-speaking")).toBeVisible();
  await page.keyboard.press("m");
  await expect(page.getByTestId("muted-speaking")).toHaveCount(0);

  await page.getByTestId("composer").focus();
  await page.keyboard.press("Control+Shift+H");
  await expect(page.getByTestId("wrap-up")).toContainText("Call, 0:04");
  await expect(page.getByTestId("composer")).toHaveAttribute("aria-label", "Write a note for colleagues");
  expect(did("hangup")).toBe(1);
  await page.getByTestId("wrap-up-ready").click();
  await expect(page.getByTestId("wrap-up")).toHaveCount(0);
});

test("elsewhere the call is a green strip, from which it is muted, ended and found again", async ({ browser }) => {
  await obey(browser);
  const other = conversation("Henrik Kolbe", { preview: "That is a relief." });
  fake.conversations = [other];
  const page = await fake.open(browser);
  const c = ringing("Miriam Oster");
  fake.update(c);
  await page.getByTestId("offer-accept").click();
  await expect(page.getByTestId("call-card")).toHaveAttribute("data-here", "connected");
  connect(c.id);
  await page.getByTestId("conversation").filter({ hasText: "Henrik Kolbe" }).click();
  const strip = page.getByTestId("call-strip");
  await expect(strip).toContainText("In a call with Miriam Oster");
  await expect(page.getByTestId("call-card")).toHaveCount(0);
  await page.keyboard.press("Shift+E");
  await expect(page.getByTestId("emergency-page")).toBeVisible();
  await expect(strip).toBeVisible();
  await strip.getByTestId("call-mute").click();
  await strip.getByRole("button", { name: /In a call with/ }).click();
  await expect(page.getByTestId("call-card").getByTestId("call-mute")).toHaveAttribute("aria-pressed", "true");
});

test("after a reload the tab goes on with its call; another tab can take it", async ({ browser }) => {
  await obey(browser);
  const page = await fake.open(browser);
  const c = ringing("Miriam Oster");
  fake.update(c);
  await page.getByTestId("offer-accept").click();
  await expect(page.getByTestId("call-card")).toHaveAttribute("data-here", "connected");
  connect(c.id);
  await page.reload();
  await expect.poll(() => did("offer")).toBe(2); // without a click
  await expect(page.getByTestId("call-card")).toHaveAttribute("data-here", "connected");

  const second = await page.context().newPage();
  await fake.join(second);
  await expect(second.getByTestId("call-strip")).toHaveAttribute("data-here", "elsewhere");
  await second.getByTestId("call-take-here").click();
  await expect(second.getByTestId("call-strip")).toHaveAttribute("data-here", "connected");
  expect(did("offer")).toBe(3);
});

test("all tabs ring, and stop when one has answered", async ({ browser }) => {
  await obey(browser);
  const one = await fake.open(browser);
  const two = await one.context().newPage();
  await fake.join(two);
  await expect(two.getByTestId("inbox")).toBeVisible();
  fake.update(ringing("Miriam Oster"));
  await expect(one.getByTestId("offer")).toBeVisible();
  await expect(two.getByTestId("offer")).toBeVisible();
  await two.getByTestId("offer-accept").click();
  await expect(one.getByTestId("offer")).toHaveCount(0);
  await expect(one.getByTestId("call-strip")).toHaveAttribute("data-here", "elsewhere");
  expect(did("accept")).toBe(1);
  await expect(two.getByTestId("call-card")).toHaveAttribute("data-here", "connected");
  expect(did("offer")).toBe(1);
});

test("a hidden page, which draws nothing, rings too", async ({ browser }) => {
  const page = await fake.open(browser);
  await page.addInitScript(() => {
    window.requestAnimationFrame = () => 0;
  });
  await page.reload();
  await expect(page.getByTestId("connection")).toHaveAttribute("data-online", "true");
  fake.update(ringing("Miriam Oster"));
  await expect(page).toHaveTitle("● Ringing: Miriam Oster");
});

test("a blocked microphone is said before the ring, and nothing is accepted without one", async ({ browser }) => {
  const page = await fake.open(browser);
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = async () => {
      throw new DOMException("no", "NotAllowedError");
    };
    navigator.permissions.query = async () => Object.assign(new EventTarget(), { state: "denied" }) as PermissionStatus;
  });
  await page.reload();
  await expect(page.getByTestId("mic-chip")).toContainText("The microphone is blocked in this browser");
  fake.update(ringing("Miriam Oster"));
  await expect(page.getByTestId("ring-mic")).toContainText("you can accept on another device");
  await page.keyboard.press("a");
  await expect(page.getByTestId("call-trouble")).toContainText("may not use the microphone");
  await expect(page.getByTestId("offer")).toBeVisible();
  expect(did("accept")).toBe(0);
});

test("the customer is called; the page says that nobody answered", async ({ browser }) => {
  await obey(browser);
  const c = conversation("Henrik Kolbe", { preview: "That is a relief." });
  fake.conversations = [c];
  const page = await fake.open(browser);
  await page.getByTestId("conversation").click();
  await page.getByTestId("call-button").click();
  await expect(page.getByTestId("call-card")).toContainText("Rings at the customer");
  await expect(page.getByTestId("call-button")).toHaveCount(0);
  const last_call = {
    from: "agent",
    outcome: "no_answer",
    talk_ms: 0,
    wait_ms: 30_000,
    reason: "no_answer",
    agent: "jana",
  };
  fake.update({ ...c, last_call });
  await expect(page.getByTestId("call-over")).toContainText("Henrik Kolbe did not answer");
  await expect(page.getByTestId("conversation")).toContainText("Call, no answer");
  fake.update({ ...c, last_call, online: false });
  await expect(page.getByTestId("call-button")).toBeDisabled();
});

/** A gateway that has an emergency switch. */
function withSwitch(may: boolean): void {
  const said = {
    de: "Unsere Telefone sind gestört.",
    en: "Our phones are out of order. Chat and calls from here work.",
  };
  let log: object[] = [];
  fake.rest = (method, path, body) => {
    if (path !== "/emergency") return [404, {}];
    if (method === "PUT" && !may) return [403, { detail: "administrators only" }];
    if (method === "PUT") {
      const put = body as { on: boolean; why: string; text?: Record<string, string> };
      fake.emergency = { on: put.on, since: ago(0), by: "jana", why: put.why, text: { ...said, ...put.text } };
      log = [{ at: ago(0), change: put.on ? "on" : "off", on: put.on, by: "jana", why: put.why }, ...log];
      fake.tell({ t: "emergency", emergency: fake.emergency });
    }
    return [200, { ...fake.emergency, text: fake.emergency.text ?? said, defaults: said, given: {}, log }];
  };
}

test("an emergency is started by holding, with a reason, and ended after a question", async ({ browser }) => {
  withSwitch(true);
  const page = await fake.open(browser);
  await expect(page.getByTestId("inbox")).toBeVisible();
  await page.keyboard.press("Shift+E");
  await expect(page.getByTestId("emergency-page")).toHaveAttribute("data-on", "false");
  const hold = page.getByTestId("emergency-hold");
  // Let go by the page's own clock: a slow test would hold it for too long.
  await hold.evaluate((button) => {
    const pointer = (type: string) => button.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0 }));
    pointer("pointerdown");
    setTimeout(pointer, 700, "pointerup");
  });
  await expect(hold).toHaveAttribute("data-holding", "false");
  await page.waitForTimeout(1200);
  expect(fake.emergency.on).toBe(false);
  await page.getByTestId("emergency-why").fill("Trunk down since 09:04");
  await hold.focus();
  await page.keyboard.down(" ");
  await expect(page.getByTestId("emergency-bar")).toBeVisible();
  await page.keyboard.up(" ");
  await expect(page.getByTestId("emergency-bar")).toContainText("Trunk down since 09:04");
  await page.getByTestId("emergency-works").click();
  await expect(page.getByTestId("emergency-texts")).toContainText("Our phones are out of order.");
  await page.keyboard.press("Escape");
  await page.getByTestId("emergency-end").click();
  await page.getByTestId("emergency-end-now").click();
  await expect(page.getByTestId("emergency-bar")).toHaveCount(0);
  await expect(page.getByTestId("emergency-page")).toContainText("Earlier switches");
});

test("typing the company's name starts it too; who is no administrator is told so", async ({ browser }) => {
  withSwitch(false);
  const page = await fake.open(browser);
  await page.getByTestId("rail-emergency").click();
  await page.getByTestId("emergency-why").fill("Trunk down");
  await expect(page.getByRole("button", { name: "Start now" })).toBeDisabled();
  await page.getByTestId("emergency-company").fill("nordwind logistik");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("emergency-refused")).toContainText("Only administrators may switch");
  await expect(page.getByTestId("emergency-bar")).toHaveCount(0);
});

/** A gateway that makes links. */
function withLinks(): unknown[] {
  const asked: unknown[] = [];
  const expires_at = new Date(Date.now() + 72 * 3_600_000).toISOString();
  const link = (id: string, part: object) => ({
    ...{ id, url: `https://gw.example.org/talk/${id}`, to: "queue/main", contact: {}, subject: "", public: false },
    ...{ revoked: false, expires_at },
    ...part,
  });
  fake.rest = (method, path, body) => {
    asked.push([method, path, body]);
    if (method === "POST") return [201, link("new", body as object)];
    if (method === "DELETE") return [204, undefined];
    const old = link("old", { subject: "Return of pallets", contact: { name: "Thea Bergström" } });
    return [200, { links: [old, link("print", { public: true })], cursor: "" }];
  };
  return asked;
}

test("a talk link is made for the customer of a conversation and goes into the reply", async ({ browser }) => {
  const asked = withLinks();
  fake.conversations = [conversation("Henrik Kolbe", { preview: "Can I call you?" })];
  const page = await fake.open(browser);
  await page.getByTestId("conversation").click();
  await page.getByTestId("insert-link").click();
  await page.getByTestId("link-subject").fill("Delivery 48 211");
  await page.getByTestId("link-make").click();
  await expect(page.getByTestId("link-url")).toHaveValue("https://gw.example.org/talk/new");
  await expect(page.getByRole("img", { name: "QR code of the link" })).toBeVisible();
  expect(asked.at(-1)).toEqual([
    "POST",
    "/links",
    {
      to: "agent/jana",
      subject: "Delivery 48 211",
      language: "de",
      ttl: "72h",
      contact: { name: "Henrik Kolbe", email: "henrik@example.org" },
    },
  ]);
  await page.getByTestId("link-insert").click();
  await expect(page.getByTestId("composer")).toHaveValue("https://gw.example.org/talk/new");

  await page.getByTestId("new-link").click();
  const row = page.getByTestId("link-row").filter({ hasText: "Return of pallets" });
  await row.getByTestId("link-revoke").click();
  await row.getByTestId("link-revoke").click();
  await expect(row).toContainText("revoked");
});

for (const { name, ...options } of looks) {
  test(`pictures in ${name}`, async ({ browser }) => {
    test.setTimeout(180_000);
    await obey(browser);
    const page = await pictured(browser, { ...options, reducedMotion: "reduce" });
    const look = camera(name);
    const phone = name.startsWith("phone");
    await look(page, "call-inbox");
    const c = ringing("Miriam Oster");
    fake.update(c, { ...callItem(c.id), ...{ call: c.call ?? callOf() } });
    await expect(page.getByTestId("offer")).toBeVisible();
    await look(page, "call-ringing");
    await page.getByTestId("offer-accept").click();
    await expect(page.getByTestId("call-card")).toHaveAttribute("data-here", "connected");
    connect(c.id);
    await expect(page.getByTestId("call-quality")).toBeVisible();
    await look(page, "call-card");
    if (phone) await page.getByTestId("back").click();
    else await page.getByTestId("conversation").filter({ hasText: "Henrik Kolbe" }).click();
    await look(page, "call-strip");
    wrapUp(c.id);
    await page.getByTestId("conversation").filter({ hasText: "Miriam Oster" }).click();
    await expect(page.getByTestId("wrap-up")).toBeVisible();
    await look(page, "call-wrapup");
    if (phone) await page.getByTestId("back").click();
    await page.getByTestId("new-link").click();
    await expect(page.getByTestId("link-row").first()).toBeVisible();
    await look(page, "link-form");
    await page.getByTestId("link-make").click();
    await expect(page.getByTestId("link-qr")).toBeVisible();
    await look(page, "link-made");
    await page.keyboard.press("Escape");
    withSwitch(true);
    fake.tell({ t: "emergency", emergency: { on: false, since: null, by: "", why: "", text: null } });
    await page.getByTestId("rail-emergency").click();
    await expect(page.getByTestId("emergency-hold")).toBeVisible();
    await look(page, "emergency-off");
    await page.getByTestId("emergency-why").fill("Phone system and website chat of Nordwind are answered here");
    await page.getByTestId("emergency-company").fill("Nordwind Logistik");
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("emergency-bar")).toBeVisible();
    await look(page, "emergency-on");
    await page.getByTestId("emergency-works").click();
    await look(page, "emergency-works");
  });
}

/** The conversations of the mock-up. */
async function pictured(browser: Browser, options: object): Promise<Page> {
  withLinks();
  const record = {
    from: "customer",
    outcome: "answered",
    talk_ms: 252_000,
    wait_ms: 21_000,
    reason: "customer",
    agent: "jana",
  };
  const kolbe = conversation("Henrik Kolbe", { preview: "That is a relief. When will it be at the Altona branch?" });
  const lindner = conversation("Paul Lindner", { last_at: ago(1_500_000), last_call: record });
  const missed = { ...record, outcome: "missed", talk_ms: 0, reason: "customer", agent: "" };
  const thea = conversation("Thea Bergström", { last_at: ago(1_800_000), last_call: missed });
  fake.conversations = [kolbe, lindner, thea];
  fake.items = [
    { ...callItem(kolbe.id), id: "i1", ended: missed, time: ago(900_000) },
    { ...callItem(kolbe.id), id: "i2", position: 2, ended: record, time: ago(700_000) },
  ];
  const page = await fake.open(browser, options);
  await page.getByTestId("conversation").filter({ hasText: "Henrik Kolbe" }).waitFor();
  if (!("hasTouch" in options)) await page.getByTestId("conversation").filter({ hasText: "Henrik Kolbe" }).click();
  return page;
}

function callItem(id: string) {
  return {
    ...{ position: 1, rev: 1, id: "call-item", conversation: id, time: ago(12_000), kind: "call", text: "" },
    ...{ from: { kind: "customer", name: "Miriam Oster" }, attachments: null },
  };
}
