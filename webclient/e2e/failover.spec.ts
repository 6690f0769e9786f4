import { expect } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agentWithPassword, message, openWidget, person, say } from "./people";
import { Site } from "./site";
import { test } from "./test";

test("of two gateways one dies: the next message arrives through the other", async ({ browser }) => {
  const site = await Site.open();
  const [a, b] = await Promise.all([Gateway.serve(site.origin), Gateway.serve(site.origin)]);
  site.script = `<script src="${a.url}/widget.js" data-site="shop" data-endpoints="${b.url}" async></script>`;
  try {
    const { page } = await person(browser);
    const atA = await agentWithPassword(browser, a, "jana");
    const atB = await agentWithPassword(browser, b, "emil");
    await page.goto(site.origin);
    await openWidget(page);
    await say(page, "Through the first");
    await accept(atA.page);
    await expect(message(atA.page, "Through the first")).toBeVisible();
    await a.kill();
    const began = Date.now();
    await say(page, "Through the second");
    await accept(atB.page);
    await expect(message(atB.page, "Through the second")).toHaveCount(1);
    test
      .info()
      .annotations.push({ type: "fail-over", description: `${Date.now() - began} ms until the other agent had it` });
    await say(atB.page, "Here we are");
    await expect(message(page, "Here we are")).toBeVisible();
  } finally {
    await Promise.all([a.stop(), b.stop(), site.close()]);
  }
});
