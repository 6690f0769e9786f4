import { expect } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, message, person, say } from "./people";
import { test } from "./test";

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.demo();
});
test.afterAll(async () => {
  await g.stop();
});

for (const [kind, text, answer] of [
  ["sms", "Is the truck late?", "Ten minutes, no more."],
  ["messenger", "Do you ship to Lyon?", "Every Tuesday."],
] as const) {
  test(`${kind}: from the phone to an agent and back`, async ({ browser }) => {
    const jana = await agent(browser, g, "jana");
    const phone = await person(browser);
    await phone.page.goto(`${g.world}/simulator`);
    const device = phone.page.locator(`[data-kind=${kind}]`);
    await device.getByRole("textbox").fill(text);
    await device.getByRole("button", { name: "Send", exact: true }).click();
    await accept(jana.page);
    await expect(message(jana.page, text)).toBeVisible();
    if (kind === "messenger") {
      // Name and picture come from the customer's profile.
      await expect(jana.page.getByTestId("context")).toContainText("Henrik Kolbe");
      const picture = jana.page.getByTestId("conversation").first().locator("img");
      await expect.poll(() => picture.evaluate((i: HTMLImageElement) => i.naturalWidth)).toBeGreaterThan(0);
    }
    await say(jana.page, answer);
    await expect(device.getByText(answer)).toBeVisible();
    await expect(message(jana.page, answer)).toHaveAttribute("data-delivery", /delivered|read/);
    await jana.page.getByTestId("close").click();
    await jana.context.close();
  });
}

test("STOP blocks sending, and says so", async ({ browser }) => {
  const jana = await agent(browser, g, "jana");
  const phone = await person(browser);
  await phone.page.goto(`${g.world}/simulator`);
  const device = phone.page.locator("[data-kind=sms]");
  await device.getByRole("textbox").fill("One more thing");
  await device.getByRole("button", { name: "Send", exact: true }).click();
  await accept(jana.page);
  await device.getByRole("button", { name: "STOP" }).click();
  await expect(jana.page.getByTestId("thread")).toContainText(/opted out|STOP/);
  await expect(jana.page.getByTestId("send")).toBeDisabled();
});
