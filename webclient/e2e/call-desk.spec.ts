// The call desk through a real gateway, heard: everybody speaks with a tone of their own, and who hears whom is
// measured. What it looks like, against a gateway of the test's making.

import { type Browser, expect, type Page } from "@playwright/test";
import type { CallLeg } from "../src/shared/protocol";
import { ago, callOf, conversation, FakeGateway, FarEnd } from "./faked";
import { Gateway } from "./gateway";
import { camera, looks } from "./look";
import { accept, agent, openWidget, person } from "./people";
import { listen, tones, voice } from "./sound";
import { test } from "./test";

const microphone = { permissions: ["microphone"] };

/** Whose tone is whose: high, where music has little. */
const VOICES = { customer: 2300, emil: 3100, jana: 4100 } as const;
type Who = keyof typeof VOICES;
const HEARD_DB = -60;

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});

async function desk(browser: Browser, id: "emil" | "jana"): Promise<Page> {
  const p = await agent(browser, g, id, microphone);
  await listen(p.context);
  await voice(p.context, VOICES[id]);
  await p.page.reload();
  await expect(p.page.getByTestId("inbox")).toBeVisible();
  return p.page;
}

async function visitor(browser: Browser): Promise<Page> {
  const { page, context } = await person(browser, microphone);
  await listen(context);
  await voice(context, VOICES.customer);
  await page.goto(g.world);
  await openWidget(page);
  return page;
}

/** A page hears exactly these people. */
async function hears(page: Page, ...who: Who[]): Promise<void> {
  const all = Object.keys(VOICES) as Who[];
  await expect
    .poll(
      async () => {
        const loud = await tones(page, Object.values(VOICES));
        return all.filter((_, i) => (loud[i] ?? -200) > HEARD_DB).join(" ");
      },
      { message: "who is heard", timeout: 20_000 },
    )
    .toBe(all.filter((w) => who.includes(w)).join(" "));
}

test("hold, consultation, conference, whisper and a hand-over sound as they should", async ({ browser }) => {
  test.setTimeout(240_000);
  const emil = await desk(browser, "emil");
  const customer = await visitor(browser);
  await customer.getByTestId("call").click();
  await accept(emil);
  const card = emil.getByTestId("call-card");
  await expect(card).toHaveAttribute("data-state", "connected");
  await Promise.all([hears(customer, "emil"), hears(emil, "customer")]);

  await emil.keyboard.press("h");
  await expect(card).toHaveAttribute("data-held", "true");
  await expect(customer.locator("[data-phase=held]").first()).toBeVisible();
  await Promise.all([hears(customer), hears(emil)]); // music has none of these tones
  await emil.keyboard.press("h");
  await Promise.all([hears(customer, "emil"), hears(emil, "customer")]);

  const jana = await desk(browser, "jana");
  await emil.keyboard.press("c");
  await emil.getByTestId("transfer-to-jana").click();
  const asked = jana.getByTestId("invitation");
  await expect(asked).toHaveAttribute("data-role", "consult");
  await jana.keyboard.press("a");
  await expect(emil.getByTestId("call-connect")).toBeVisible();
  await Promise.all([hears(customer), hears(emil, "jana"), hears(jana, "emil")]);

  await emil.getByTestId("call-conference").click();
  await Promise.all([
    hears(customer, "emil", "jana"),
    hears(emil, "customer", "jana"),
    hears(jana, "customer", "emil"),
  ]);
  await expect(customer.getByTestId("call-status")).toContainText("Jana Brandt");
  await jana.getByTestId("call-hangup").click();
  await expect(jana.getByTestId("call-card")).toHaveCount(0);
  await Promise.all([hears(customer, "emil"), hears(emil, "customer")]);

  await jana.getByTestId("supervise").click();
  await expect(jana.getByTestId("call-card")).toHaveAttribute("data-part", "listen");
  await expect(emil.getByTestId("call-person")).toContainText("listens"); // shown, as the setting demands
  await Promise.all([hears(customer, "emil"), hears(emil, "customer"), hears(jana, "customer", "emil")]);
  await jana.getByTestId("supervise-whisper").click();
  await Promise.all([hears(customer, "emil"), hears(emil, "customer", "jana")]);
  await jana.getByTestId("supervise-barge").click();
  await Promise.all([hears(customer, "emil", "jana"), hears(emil, "customer", "jana")]);
  await jana.getByTestId("call-hangup").click();
  await expect(jana.getByTestId("call-card")).toHaveCount(0);

  await emil.keyboard.press("c");
  await emil.getByTestId("transfer-to-jana").click();
  await expect(asked).toBeVisible();
  await jana.getByTestId("invitation-accept").click();
  await emil.getByTestId("call-connect").click();
  await expect(jana.getByTestId("call-card")).toHaveAttribute("data-part", "holder");
  await expect(emil.getByTestId("call-card")).toHaveCount(0);
  await Promise.all([hears(customer, "jana"), hears(jana, "customer")]);
  await jana.keyboard.press("h");
  await expect(jana.getByTestId("call-card")).toHaveAttribute("data-held", "true");
  await g.kill();
  await g.start();
  await Promise.all([hears(customer), hears(jana)]); // still on hold, without a click
  await jana.keyboard.press("h");
  await Promise.all([hears(customer, "jana"), hears(jana, "customer")]);
  for (const line of ["put the call on hold", "consults you", "listens to the call", "connected the customer with"]) {
    await expect(jana.getByTestId("thread")).toContainText(line);
  }
  await jana.keyboard.press("Control+Shift+H");
  await jana.getByTestId("wrap-up-ready").click();
  await expect(jana.getByTestId("wrap-up")).toHaveCount(0);
});

test("what rings at a colleague is picked up with G", async ({ browser }) => {
  // Both are there before it rings: on a slow machine a sign-in takes longer than a ring.
  const desks = { emil: await desk(browser, "emil"), jana: await desk(browser, "jana") };
  const customer = await visitor(browser);
  await customer.getByTestId("call").click();
  const rings = (name: "emil" | "jana") =>
    expect(desks[name].getByTestId("offer"))
      .toBeVisible()
      .then(() => name);
  const there = await Promise.any([rings("emil"), rings("jana")]);
  const name = there === "emil" ? "jana" : "emil";
  const picks = desks[name];
  await expect(picks.getByTestId("offer")).toHaveCount(0);
  await picks.keyboard.press("g");
  await expect(picks.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
  await expect(desks[there].getByTestId("offer")).toHaveCount(0);
  await Promise.all([hears(customer, name), hears(picks, "customer")]);
  await expect(picks.getByTestId("thread")).toContainText("you picked the call up");
});

function leg(part: Partial<CallLeg>): CallLeg {
  return {
    id: "l1",
    role: "guest",
    agent: "faris",
    to: "agent/faris",
    by: "jana",
    since: ago(9000),
    offer: null,
    ...part,
  };
}

for (const { name, ...options } of looks) {
  test(`pictures in ${name}`, async ({ browser }) => {
    const fake = new FakeGateway(g.url);
    const far = await FarEnd.open(browser, g.url);
    fake.does = async (c) => (c.do === "offer" ? { sdp: await far.answer(c.sdp ?? "") } : {});
    const look = camera(name);
    const c = conversation("Miriam Oster", { call: callOf(), subject: "Delivery 48 207 refused at ramp" });
    fake.conversations = [c];
    const page = await fake.open(browser, { ...options, ...microphone, reducedMotion: "reduce" });
    await page.getByTestId("conversation").click();
    await page.getByTestId("call-take-here").click();
    const card = page.getByTestId("call-card");
    await expect(card).toHaveAttribute("data-here", "connected");
    await expect(page.getByTestId("call-quality")).toBeVisible();
    const is = (part: Parameters<typeof callOf>[0]) =>
      fake.update({ ...c, call: callOf({ id: c.call?.id ?? "", ...part }) });
    await page.getByTestId("call-colleague").click();
    await expect(page.getByTestId("transfer-to-faris")).toBeVisible();
    await look(page, "desk-colleague");
    await page.keyboard.press("Escape");
    is({ held_since: ago(9000), legs: [leg({ role: "consult" })] });
    await expect(page.getByTestId("call-connect")).toBeVisible();
    await look(page, "desk-consult");
    is({
      legs: [leg({}), leg({ id: "l2", role: "listen", agent: "lena" }), leg({ id: "l3", agent: "", to: "queue/main" })],
    });
    await expect(page.getByTestId("call-person")).toHaveCount(3);
    await look(page, "desk-conference");
    is({ agent: "faris", legs: [leg({ role: "whisper", agent: "jana" })] });
    await expect(page.getByTestId("supervise-whisper")).toHaveAttribute("aria-pressed", "true");
    await look(page, "desk-supervise");
    await page.getByTestId("call-sound").click();
    await expect(page.getByTestId("sound-dialog")).toBeVisible();
    await look(page, "desk-sound");
    await page.getByTestId("sound-close").click();
    fake.update({
      ...c,
      agent: "faris",
      call: callOf({
        agent: "faris",
        legs: [
          leg({
            agent: "",
            to: "agent/jana",
            by: "faris",
            role: "consult",
            offer: { id: "o9", agents: ["jana"], until: new Date(Date.now() + 15_000).toISOString() },
          }),
        ],
      }),
    });
    await expect(page.getByTestId("invitation")).toBeVisible();
    await look(page, "desk-invited");
  });
}
