import { type Browser, expect } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, openWidget, person, say } from "./people";
import { test } from "./test";

async function fromPhone(browser: Browser, g: Gateway, kind: string, texts: string[]): Promise<void> {
  const { page, context } = await person(browser);
  await page.goto(`${g.world}/simulator`);
  const device = page.locator(`[data-kind=${kind}]`);
  for (const text of texts) {
    await device.getByRole("textbox").fill(text);
    await device.getByRole("button", { name: "Send", exact: true }).click();
    await expect(device.getByText(text)).toBeVisible();
  }
  if (kind === "messenger") await device.getByRole("button", { name: "Send a picture" }).click();
  await context.close();
}

test("a chat, an SMS and a Messenger thread in one inbox", async ({ browser }) => {
  const g = await Gateway.demo();
  try {
    const size = { viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" as const };
    const jana = await agent(browser, g, "jana", size);
    await fromPhone(browser, g, "messenger", [
      "Good morning, we have been trying to reach you by phone since nine.",
      "This truck stands at our ramp. Is it ours?",
    ]);
    await accept(jana.page);
    await say(
      jana.page,
      "Good morning Mr Kolbe, Jana from Nordwind. Our phone is down, your truck is not: this is 48 211.",
    );
    await fromPhone(browser, g, "sms", ["Is gate 4 open for the 11:00 pick-up?"]);
    await accept(jana.page);
    const visitor = await person(browser);
    await visitor.page.goto(`${g.world}/track`);
    await openWidget(visitor.page);
    await say(visitor.page, "Which temperature did delivery 48 190 have on the way?");
    await expect(jana.page.getByTestId("offer")).toBeVisible();
    const rows = jana.page.getByTestId("conversation");
    await expect(rows).toHaveCount(3);
    await rows.filter({ hasText: "Henrik Kolbe" }).click();
    const picture = jana.page.locator(".th-picture img");
    await expect.poll(() => picture.evaluate((i: HTMLImageElement) => i.naturalWidth)).toBe(320);
    await jana.page.getByTestId("note-tab").click();
    await say(jana.page, "Driver says 11:20 at the latest. Altona is the first stop now.");
    await jana.page.getByTestId("reply-tab").click();
    await jana.page.getByTestId("composer").fill("I will stay on this until the branch has signed for it");
    for (const look of ["light", "dark"] as const) {
      await jana.page.emulateMedia({ colorScheme: look, reducedMotion: "reduce" });
      await jana.page.waitForTimeout(300);
      await jana.page.screenshot({ path: `e2e/shots/console-${look}.png` });
    }
  } finally {
    await g.stop();
  }
});
