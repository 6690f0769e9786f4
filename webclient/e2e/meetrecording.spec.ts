// Meetings that are recorded, through a real gateway: everybody hears the notice on their own line and sees that it is
// recorded, who comes later too; what is in the files is measured. Everybody speaks with a tone of their own.

import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { camera } from "./look";
import { agentWithPassword, person } from "./people";
import { heard, heardWithout, listen, listenWithout, measure, voice } from "./sound";
import { test } from "./test";

const VOICES = { jana: 4100, miriam: 2300, jonas: 1300 } as const;
const grants = { permissions: ["microphone"], reducedMotion: "reduce" as const };
const desktop = { viewport: { width: 1280, height: 800 } } as const;
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

type Voice = keyof typeof VOICES;

async function speaks(context: BrowserContext, who: Voice): Promise<void> {
  await listen(context);
  await voice(context, VOICES[who]);
}

async function guest(browser: Browser, who: Voice, options: object): Promise<Page> {
  const { context } = await person(browser, { ...grants, ...options });
  await speaks(context, who);
  return context.newPage();
}

async function knock(page: Page, link: string, name: string): Promise<void> {
  await page.goto(link);
  await expect(page.getByTestId("meet-join")).toBeEnabled();
  await page.getByTestId("meet-name").fill(name);
  await page.getByTestId("meet-join").click();
  await expect(page.getByTestId("meet-lobby")).toBeVisible();
}

/** The agent takes the conversation of who has knocked and is in the meeting with them. */
async function host(jana: Page, context: BrowserContext): Promise<Page> {
  await jana.getByTestId("offer-accept").click();
  await jana.getByTestId("meet-button").click();
  const [page] = await Promise.all([context.waitForEvent("page"), jana.getByTestId("meet-open").click()]);
  await page.getByTestId("meet-join").click();
  await page.getByTestId("meet-admit").click();
  return page;
}

const sign = (page: Page) => page.getByTestId("meet-recording");
const expectState = (state: string, ...pages: Page[]) =>
  Promise.all(pages.map((p) => expect(sign(p)).toHaveAttribute("data-state", state)));

/** These pages hear somebody. */
async function expectHear(...pages: Page[]): Promise<void> {
  await Promise.all(
    pages.map(async (page) => {
      const before = await heard(page);
      const more = async () => (await heard(page)).energy > before.energy + 0.01;
      await expect.poll(more, { message: "the others" }).toBe(true);
    }),
  );
}

/** So many are in, and what each says is taken: the agent's panel of people says so. */
async function expectAllRecorded(meeting: Page, people: number): Promise<void> {
  const person = meeting.getByTestId("person");
  await expect(person).toHaveCount(people);
  await expect(person.filter({ hasText: "not recorded" })).toHaveCount(0);
}

interface About {
  reason: string;
  duration_ms: number;
  ask: boolean;
  heard: { by: string }[];
  tracks: { side: string; name: string; agreed_at: string | null; peaks: number[] }[];
}

/** The recordings of the one meeting, oldest first. */
async function recordings(jana: Page): Promise<{ path: string; about: About }[]> {
  return jana.evaluate(async () => {
    const { conversations } = await (await fetch("/api/v1/conversations")).json();
    const { items } = await (await fetch(`/api/v1/conversations/${conversations[0].id}/timeline`)).json();
    const ids: string[] = items.find((i: { recordings?: string[] }) => i.recordings)?.recordings ?? [];
    const paths = ids.map((id) => `/api/v1/recordings/${id}`);
    return Promise.all(paths.map(async (path) => ({ path, about: await (await fetch(path)).json() })));
  });
}

test("an agent records a meeting: all are told, each has a track, and it outlives the gateway", async ({ browser }) => {
  test.setTimeout(400_000);
  const g = await Gateway.serve("https://shop.example.org", "", false, "recording: agent");
  try {
    const look = camera("real");
    const { page: jana, context } = await agentWithPassword(browser, g, "jana", { ...desktop, ...grants });
    await speaks(context, "jana");
    const link = g.run("link", "create", "--meet", "--to", "queue/main").trim();
    const miriam = await guest(browser, "miriam", phone);
    await knock(miriam, link, "Miriam Oster");
    const meeting = await host(jana, context);
    await expectHear(miriam, meeting);
    await expect(miriam.getByTestId("meet-record")).toHaveCount(0);
    await look(meeting, "meetrec-before");

    // Both hear the notice, and nobody else meanwhile; then it is recorded, and all the time it says so.
    await listenWithout(miriam, VOICES.jana);
    await meeting.getByTestId("meet-record").focus();
    await meeting.keyboard.press("Enter");
    await expectState("on", meeting, miriam);
    expect(await heardWithout(miriam)).toBe(true);
    await expect(sign(miriam)).toContainText("This meeting is being recorded.");
    await expectHear(miriam, meeting);
    await look(meeting, "meetrec-on-desktop");
    await look(miriam, "meetrec-on-phone");

    // Who comes later reads it before, and is recorded when they have heard it, too.
    const jonas = await guest(browser, "jonas", { ...desktop, locale: "de-DE", colorScheme: "dark" });
    await jonas.goto(link);
    await expect(jonas.getByTestId("meet-recorded")).toContainText("wird aufgezeichnet");
    await look(jonas, "meetrec-green-dark");
    await knock(jonas, link, "Jonas Feld");
    await meeting.getByTestId("meet-people").click();
    await meeting.getByTestId("meet-admit").click();
    await expect(sign(jonas)).toContainText("Dieses Gespräch wird aufgezeichnet.");
    await look(meeting, "meetrec-people");
    await expectAllRecorded(meeting, 3);
    await expectHear(jonas);
    await jonas.waitForTimeout(2000);
    const said = expect(jonas.getByTestId("meet-notice")).toContainText("nicht mehr aufgezeichnet");
    await meeting.getByTestId("meet-record").click();
    await Promise.all([said, expectState("", meeting, miriam, jonas)]);

    // Once more; the gateway dies in the middle of it. All are told again, and it goes on.
    await meeting.getByTestId("meet-record").click();
    await expectState("on", meeting, miriam, jonas);
    await expectAllRecorded(meeting, 3);
    await expectHear(miriam);
    await miriam.waitForTimeout(2500);
    await g.kill();
    await g.start();
    await expect.poll(async () => (await recordings(jana)).length).toBe(3);
    await expectState("on", meeting, miriam, jonas);
    await expectAllRecorded(meeting, 3);
    await expectHear(meeting);
    await meeting.waitForTimeout(1000);
    await meeting.getByTestId("meet-end-all").click();
    await meeting.getByTestId("meet-end-sure").click();
    await expect(miriam.getByTestId("meet-end")).toBeVisible();

    const players = jana.getByTestId("meeting-item").getByTestId("recording");
    await expect(players).toHaveCount(3);
    await expect(jana.getByTestId("meeting-item")).toContainText("Miriam Oster");
    await expect(jana.getByText("the meeting is recorded from here on, by you").first()).toBeVisible();
    const all = await recordings(jana);
    expect(all.map((r) => r.about.reason)).toEqual(["stopped", "restart", "meeting_ended"]);
    const [first] = all;
    if (!first) throw new Error("there is no recording");
    expect(first.about.heard).toEqual([]);
    const by = (name: string) => first.about.tracks.findIndex((t) => t.name === name);
    expect(first.about.tracks.map((t) => t.name).sort()).toEqual(["Jana Brandt", "Jonas Feld", "Miriam Oster"]);
    expect(first.about.tracks[by("Jana Brandt")]?.side).toBe("agent/jana");
    for (const track of first.about.tracks) expect(Math.max(...track.peaks)).toBeGreaterThan(20);

    // It plays in the timeline, and who has listened is noted.
    const player = players.first();
    await expect(player).toContainText("Jonas Feld");
    await player.getByTestId("recording-play").click();
    await expect(player).toHaveAttribute("data-state", "playing");
    await expect(player.getByTestId("recording-time")).toContainText(/^0:0[1-9] of \d:/);
    await player.getByTestId("recording-play").click();
    await player.getByText("About this recording").click();
    await expect(player.getByTestId("recording-heard")).toContainText("Jana Brandt");
    await expect(player.getByTestId("recording-details")).toContainText("Everybody heard that it is recorded");
    const cut = players.nth(1);
    await cut.getByText("About this recording").click();
    await expect(cut.getByTestId("recording-details")).toContainText("the gateway was restarted");
    await look(jana, "meetrec-player");

    // Each on their own track, in step, the late one silent until he came.
    const whose: [string, Voice][] = [
      ["Jana Brandt", "jana"],
      ["Miriam Oster", "miriam"],
      ["Jonas Feld", "jonas"],
    ];
    const measured = await Promise.all(
      whose.map(async ([name, who]) => ({ who, ...(await measure(jana, `${first.path}/tracks/${by(name)}`, VOICES)) })),
    );
    test.info().annotations.push({ type: "tracks", description: JSON.stringify(measured) });
    for (const m of measured) {
      expect(Math.abs(m.seconds - first.about.duration_ms / 1000)).toBeLessThan(0.1);
      for (const other of Object.keys(VOICES) as Voice[]) {
        if (other === m.who) expect(m.share[other]).toBeGreaterThan(0.5);
        else expect(m.share[other]).toBeLessThan(0.05);
      }
    }
    const came = Object.fromEntries(measured.map((m) => [m.who, m.at[m.who]]));
    expect(came.jana).toBeLessThan(2);
    expect(came.miriam).toBeLessThan(2);
    expect(came.jonas).toBeGreaterThan(2);
    for (const r of all.slice(1)) {
      const lengths = await Promise.all(r.about.tracks.map((_, n) => measure(jana, `${r.path}/tracks/${n}`, VOICES)));
      expect(lengths).toHaveLength(3);
      for (const l of lengths) expect(Math.abs(l.seconds - r.about.duration_ms / 1000)).toBeLessThan(0.1);
    }
    expect(all[1]?.about.duration_ms).toBeGreaterThan(2000);
  } finally {
    await g.stop();
  }
});

test("always, with a click: who has not agreed is not in the recording", async ({ browser }) => {
  test.setTimeout(400_000);
  const rules = "calls: {recording: {consent: click}}";
  const g = await Gateway.serve("https://shop.example.org", rules, false, "recording: always");
  try {
    const look = camera("real");
    const { page: jana, context } = await agentWithPassword(browser, g, "jana", {
      ...desktop,
      ...grants,
      colorScheme: "dark",
    });
    await speaks(context, "jana");
    const link = g.run("link", "create", "--meet", "--to", "queue/main").trim();
    const miriam = await guest(browser, "miriam", { ...phone, colorScheme: "dark", locale: "de-DE" });
    await knock(miriam, link, "Miriam Oster");
    const meeting = await host(jana, context);
    const jonas = await guest(browser, "jonas", desktop);
    await knock(jonas, link, "Jonas Feld");
    await meeting.getByTestId("meet-admit").click();

    await expectState("on", meeting, miriam, jonas);
    await expect(sign(miriam)).toContainText("Dürfen wir aufzeichnen, was Sie sagen?");
    await expect(sign(meeting).getByRole("button")).toHaveCount(0); // agents are told, not asked
    await look(miriam, "meetrec-asked-phone-dark");
    await look(jonas, "meetrec-asked-desktop");
    await sign(miriam).getByTestId("record-agree").click();
    await expect(sign(miriam)).toHaveAttribute("data-answer", "agreed");
    await sign(jonas).getByTestId("record-refuse").click();
    await expect(sign(jonas)).toHaveAttribute("data-answer", "refused");
    await expect(sign(jonas)).toContainText("What you say is not.");
    await look(jonas, "meetrec-refused-desktop");
    await meeting.getByTestId("meet-people").click();
    const line = (name: string) => meeting.getByTestId("person").filter({ hasText: name });
    await expect(line("Jonas Feld")).toContainText("not recorded");
    await expect(line("Miriam Oster")).not.toContainText("not recorded");
    await expectHear(miriam, jonas);
    await miriam.waitForTimeout(2000);
    await sign(miriam).getByTestId("record-refuse").click(); // takes it back
    await expect(line("Miriam Oster")).toContainText("not recorded");
    await meeting.getByTestId("meet-end-all").click();
    await meeting.getByTestId("meet-end-sure").click();
    await expect(miriam.getByTestId("meet-end")).toBeVisible();

    const player = jana.getByTestId("recording");
    await expect(player).toBeVisible();
    const [only] = await recordings(jana);
    if (!only) throw new Error("there is no recording");
    expect(only.about.ask).toBe(true);
    expect(only.about.tracks.map((t) => [t.name, t.agreed_at !== null]).sort()).toEqual([
      ["Jana Brandt", false],
      ["Miriam Oster", true],
    ]);
    for (const n of [0, 1])
      expect((await measure(jana, `${only.path}/tracks/${n}`, VOICES)).share.jonas).toBeLessThan(0.05);
    await player.getByText("About this recording").click();
    await expect(player.getByTestId("recording-details")).toContainText("Miriam Oster agreed by a click");
    await look(jana, "meetrec-player-dark");
  } finally {
    await g.stop();
  }
});
