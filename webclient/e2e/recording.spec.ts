// A call that is recorded, through a real gateway: the customer agrees, both hear the notice, and what is in the
// files is measured. Everybody speaks with a tone of their own. What it looks like, against a gateway of the test's
// making.

import { type Browser, expect, type Page } from "@playwright/test";
import { ago, callOf, conversation, FakeGateway, FarEnd } from "./faked";
import { Gateway } from "./gateway";
import { camera, looks } from "./look";
import { accept, agentWithPassword, person } from "./people";
import { expectSound, listen, measure, tones, voice } from "./sound";
import { test } from "./test";

const microphone = { permissions: ["microphone"] };
const VOICES = { customer: 2300, jana: 4100 } as const;

let g: Gateway;
test.beforeAll(async () => {
  const rules = "calls: {recording: {consent: click}}";
  g = await Gateway.serve("https://shop.example.org", rules, false, "recording: always");
});
test.afterAll(async () => {
  await g.stop();
});

async function desk(browser: Browser): Promise<Page> {
  const { page, context } = await agentWithPassword(browser, g, "jana", { ...microphone, locale: "en-GB" });
  await listen(context);
  await voice(context, VOICES.jana);
  await page.reload();
  await expect(page.getByTestId("inbox")).toBeVisible();
  return page;
}

async function customer(browser: Browser): Promise<Page> {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: "en-GB" };
  const { page, context } = await person(browser, { ...microphone, ...phone });
  await listen(context);
  await voice(context, VOICES.customer);
  const { url } = JSON.parse(g.run("link", "create", "--json", "--to", "queue/main"));
  await page.goto(url);
  return page;
}

test("always, with a click: both sides in step, played in the timeline, and who listened", async ({ browser }) => {
  const look = camera("real");
  const jana = await desk(browser);
  const page = await customer(browser);
  await page.locator("main").getByTestId("call").click();
  const asked = page.locator("main").getByTestId("recorded");
  await expect(asked).toHaveAttribute("data-state", "asked");
  await expect(asked).toContainText("May we record this call?");
  await look(page, "recording-asked");
  await accept(jana);
  const state = jana.getByTestId("call-recording");
  await expect(state).toHaveAttribute("data-state", "asked");
  await Promise.all([expectSound(page), expectSound(jana)]); // they talk, and nothing is recorded
  await asked.getByTestId("record-agree").click();
  await expect(state).toHaveAttribute("data-state", "notice");
  const apart = async () => {
    const [loud] = await tones(page, [VOICES.jana]);
    return (loud ?? 0) < -50 && (await state.getAttribute("data-state")) === "notice";
  };
  await expect.poll(apart, { message: "the notice and not each other", intervals: [0] }).toBe(true);
  await expect(state).toHaveAttribute("data-state", "on");
  await expect(asked).toContainText("This call is being recorded.");
  await look(page, "recording-on");
  await expectSound(page);
  await page.waitForTimeout(3000);
  await jana.getByTestId("call-hangup").first().click();

  const player = jana.getByTestId("recording");
  await expect(player).toBeVisible();
  const path = await jana.evaluate(async () => {
    const list = await (await fetch("/api/v1/conversations")).json();
    const id = list.conversations[0].id;
    const { items } = await (await fetch(`/api/v1/conversations/${id}/timeline`)).json();
    const call = items.find((i: { recordings?: string[] }) => i.recordings);
    return `/api/v1/recordings/${call.recordings[0]}`;
  });
  const about = () => jana.evaluate(async (p) => (await fetch(p)).json(), path);
  const before = await about();
  expect(before.heard).toEqual([]);
  expect(before.agreed_at).toBeTruthy();
  expect(before.tracks.map((t: { side: string }) => t.side)).toEqual(["customer", "agent/jana"]);
  for (const track of before.tracks) expect(Math.max(...track.peaks)).toBeGreaterThan(20);

  await jana.getByTestId("recording-play").click();
  await expect(player).toHaveAttribute("data-state", "playing");
  await expect(jana.getByTestId("recording-time")).toContainText(/^0:0[1-9] of 0:/);
  await jana.getByTestId("recording-seek").focus();
  await jana.keyboard.press("Home");
  await jana.getByTestId("recording-play").click();
  await expect(player).toHaveAttribute("data-state", "paused");
  await jana.getByText("About this recording").click();
  await expect(jana.getByTestId("recording-heard")).toContainText("Jana Brandt");
  await expect(jana.getByTestId("recording-details")).toContainText("agreed by a click");
  await look(jana, "recording-player");
  expect((await about()).heard).toHaveLength(1);

  const [theirs, ours] = [
    await measure(jana, `${path}/tracks/0`, VOICES),
    await measure(jana, `${path}/tracks/1`, VOICES),
  ];
  test.info().annotations.push({ type: "tracks", description: JSON.stringify([theirs, ours]) });
  expect(theirs.seconds).toBeGreaterThan(3);
  expect(Math.abs(theirs.seconds - ours.seconds)).toBeLessThan(0.05);
  expect(Math.abs(theirs.seconds - before.duration_ms / 1000)).toBeLessThan(0.1);
  expect(theirs.share.customer).toBeGreaterThan(0.5);
  expect(theirs.share.jana).toBeLessThan(0.05);
  expect(ours.share.jana).toBeGreaterThan(0.5);
  expect(ours.share.customer).toBeLessThan(0.05);
  expect((await about()).heard).toHaveLength(1); // one who listens is noted once in a while

  const status = (p: Page, headers = {}) =>
    p.evaluate(async ([u, h]) => (await fetch(u as string, { headers: h as HeadersInit })).status, [
      `${g.url}${path}/tracks/0`,
      headers,
    ] as const);
  expect(await status(jana, { Range: "bytes=0-99" })).toBe(206);
  expect(await status(page)).toBe(401);
});

/** A voice as levels look. */
const peaks = (seed: number) =>
  Array.from({ length: 180 }, (_, i) => {
    const word = Math.sin(i / 9 + seed) + Math.sin(i / 4.3 + 2 * seed);
    return word > 0 ? Math.round(35 + 28 * word + 8 * Math.sin(i * 2.7)) : 2;
  });

for (const { name, ...options } of looks) {
  test(`pictures in ${name}`, async ({ browser }) => {
    const fake = new FakeGateway(g.url);
    const far = await FarEnd.open(browser, g.url);
    fake.does = async (c) => (c.do === "offer" ? { sdp: await far.answer(c.sdp ?? "") } : {});
    fake.rest = (_, path) => [
      200,
      {
        id: path.split("/")[2],
        state: path.endsWith("gone") ? "deleted" : "kept",
        agreed_at: ago(90_000),
        reason: "call_ended",
        duration_ms: 154_000,
        dropped_ms: 0,
        tracks: [
          { side: "customer", peaks: peaks(1) },
          { side: "agent/jana", peaks: peaks(4) },
        ],
        heard: [{ by: "lena", at: ago(60_000) }],
        delete_at: ago(-86_400_000 * 30),
        deleted: path.endsWith("gone") ? { by: "", at: ago(3000) } : null,
      },
    ];
    const look = camera(name);
    const c = conversation("Miriam Oster", { call: callOf({ recording: recording("on") }), channel: "click2talk" });
    const ended = {
      from: "customer",
      outcome: "answered",
      talk_ms: 154_000,
      wait_ms: 9000,
      reason: "agent",
      agent: "jana",
    };
    const line = (id: string, position: number) => ({
      position,
      rev: position,
      id: `call-${id}`,
      conversation: c.id,
      time: ago(600_000 - position * 1000),
      kind: "call",
      from: { kind: "customer", name: "Miriam Oster" },
      text: "",
      attachments: [],
      ended,
      recordings: [id],
    });
    fake.conversations = [c];
    fake.items = [line("gone", 1), line("kept", 2)];
    const page = await fake.open(browser, { ...options, ...microphone, reducedMotion: "reduce" });
    await page.getByTestId("conversation").click();
    await page.getByTestId("call-take-here").click();
    await expect(page.getByTestId("call-card")).toHaveAttribute("data-here", "connected");
    await expect(page.getByTestId("call-recording")).toHaveAttribute("data-state", "on");
    await expect(page.getByTestId("recording")).toBeVisible();
    await page.getByTestId("recording-seek").fill("60");
    await page.getByTestId("recording-details").locator("summary").click();
    await look(page, "recording-console");
    await page.keyboard.press("r");
    expect(fake.commands.at(-1)?.do).toBe("record_stop");
    fake.update({ ...c, call: callOf({ id: c.call?.id ?? "", recording: recording("failed") }) });
    await expect(page.getByTestId("call-recording")).toHaveAttribute("data-state", "failed");
    await look(page, "recording-failed");
  });
}

function recording(state: "on" | "failed") {
  return { state, by: "", since: ago(20_000) } as const;
}
