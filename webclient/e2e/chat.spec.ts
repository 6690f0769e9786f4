import { expect } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, attach, expectTexts, message, openWidget, person, say } from "./people";
import { test } from "./test";

let g: Gateway;
test.beforeEach(async () => {
  g = await Gateway.demo();
});
test.afterEach(async () => {
  await g.stop();
});

test("a visitor and an agent chat, over a reload and a page change", async ({ browser }) => {
  const jana = await agent(browser, g, "jana");
  const { page } = await person(browser);
  await page.goto(g.world);
  await openWidget(page);
  await say(page, "Where is delivery 48 211?");
  await accept(jana.page);
  await expect(message(jana.page, "Where is delivery 48 211?")).toBeVisible();
  await say(jana.page, "It is near Soltau.");
  await expect(message(page, "It is near Soltau.")).toBeVisible();
  await expect(message(jana.page, "It is near Soltau.")).toHaveAttribute("data-delivery", "read");
  await expect(message(page, "Where is delivery 48 211?")).toHaveAttribute("data-delivery", "read");

  await page.reload();
  await expectTexts(page, ["Where is delivery 48 211?", "It is near Soltau."]);
  await page.goto(`${g.world}/track`);
  await expectTexts(page, ["Where is delivery 48 211?", "It is near Soltau."]);
  await say(page, "And when will it be here?");
  await say(jana.page, "At 11:20.");
  await expectTexts(page, [
    "Where is delivery 48 211?",
    "It is near Soltau.",
    "And when will it be here?",
    "At 11:20.",
  ]);
  await expectTexts(jana.page, [
    "Where is delivery 48 211?",
    "It is near Soltau.",
    "And when will it be here?",
    "At 11:20.",
  ]);

  // What the visitor types shows at the agent; a note does not show at the visitor.
  await page.getByTestId("composer").pressSequentially("Tha");
  await expect(jana.page.getByTestId("typing")).toBeVisible();
  await jana.page.getByTestId("note-tab").click();
  await say(jana.page, "nice customer");
  await jana.page.getByTestId("close").click();
  await expect(page.getByTestId("status")).toContainText(/closed|ended|over/i);
  await expect(message(page, "nice customer")).toHaveCount(0);
});

test("an attachment reaches the agent, and one comes back", async ({ browser }) => {
  const jana = await agent(browser, g, "jana");
  const { page } = await person(browser);
  await page.goto(g.world);
  await openWidget(page);
  await say(page, "See the damage");
  await accept(jana.page);
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC",
    "base64",
  );
  await attach(page, { name: "box.png", mimeType: "image/png", buffer: png });
  await page.getByTestId("send").click();
  const image = jana.page.locator(".th-picture img");
  await expect(image).toBeVisible();
  await expect.poll(() => image.evaluate((i: HTMLImageElement) => i.naturalWidth)).toBe(10);

  const html = { name: "evil.png", mimeType: "image/png", buffer: Buffer.from("<html><script>alert(1)</script>") };
  await attach(page, html);
  await expect(page.getByText(/not accepted/i).first()).toBeVisible();
});

test("the gateway is killed in a chat: complete on both sides, nothing twice", async ({ browser }) => {
  const jana = await agent(browser, g, "jana");
  const { page } = await person(browser);
  await page.goto(g.world);
  await openWidget(page);
  await say(page, "one");
  await accept(jana.page);
  await say(jana.page, "two");
  await expect(message(page, "two")).toBeVisible();

  await g.kill();
  await say(page, "three"); // both write while nobody is there
  await say(jana.page, "four");
  await g.start();
  await expect(message(jana.page, "three")).toBeVisible({ timeout: 30_000 });
  await expect(message(page, "four")).toBeVisible({ timeout: 30_000 });
  await say(page, "five");
  await expect(message(jana.page, "five")).toBeVisible();
  for (const p of [page, jana.page]) {
    for (const text of ["one", "two", "three", "four", "five"]) await expect(message(p, text)).toHaveCount(1);
    await p.reload();
  }
  await expectTexts(page, ["one", "two", "five"]);
  for (const text of ["one", "two", "three", "four", "five"]) await expect(message(page, text)).toHaveCount(1);
});

test("nobody is there: the truth at once, and a message that waits", async ({ browser }) => {
  const { page } = await person(browser);
  await page.goto(g.world);
  await openWidget(page);
  const form = page.getByTestId("offline-form");
  await expect(form).toBeVisible();
  await form.getByRole("button", { name: /send/i }).click();
  await expect(form.getByLabel(/message/i)).toBeFocused(); // what is missing has the focus
  await form.getByLabel(/name/i).fill("Ann Example");
  await form.getByLabel(/mail/i).fill("ann@example.org");
  await form.getByLabel(/message/i).fill("Please write to me tomorrow");
  await form.getByRole("button", { name: /send/i }).click();
  await expect(message(page, "Please write to me tomorrow")).toBeVisible();
  const jana = await agent(browser, g, "jana");
  await accept(jana.page);
  await expect(message(jana.page, "Please write to me tomorrow")).toBeVisible();
  await expect(jana.page.getByTestId("context")).toContainText("ann@example.org");
});
