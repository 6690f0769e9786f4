import { expect } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agent, agentWithPassword, message, openWidget, person, say } from "./people";
import { Site } from "./site";
import { test } from "./test";

test("the first agent lets it ring out, the second gets it; transfer; the visitor sees the place in line", async ({
  browser,
}) => {
  const site = await Site.open();
  const g = await Gateway.serve(site.origin);
  site.script = `<script src="${g.url}/widget.js" data-site="shop" async></script>`;
  try {
    const jana = await agentWithPassword(browser, g, "jana");
    const emil = await agentWithPassword(browser, g, "emil");
    const visitors = [];
    for (const name of ["first", "second"]) {
      const v = await person(browser);
      await v.page.goto(site.origin);
      visitors.push(v.page);
      if (name === "first") {
        await openWidget(v.page);
        await say(v.page, "Hello from first");
      }
    }
    await expect(jana.page.getByTestId("offer")).toBeVisible();
    await expect(emil.page.getByTestId("offer")).toHaveCount(0);
    await expect(emil.page.getByTestId("offer")).toBeVisible(); // after 12 s
    await accept(emil.page);
    await expect(message(emil.page, "Hello from first")).toBeVisible();

    // Emil hands it to Jana.
    await emil.page.getByTestId("transfer").click();
    await emil.page.getByTestId("transfer-to-jana").click();
    await accept(jana.page);
    await expect(message(jana.page, "Hello from first")).toBeVisible();

    // Emil leaves, Jana has as much as she can hold: who comes now waits, and is told the place.
    await emil.page.getByTestId("presence").click();
    await emil.page.getByTestId("presence-away").click();
    await expect(emil.page.getByTestId("presence")).toHaveAttribute("data-presence", "away");
    const second = visitors[1];
    if (!second) throw new Error("no second visitor");
    await openWidget(second);
    await say(second, "Hello from second");
    await expect(second.getByTestId("status")).toContainText(/1|next/i);
  } finally {
    await Promise.all([g.stop(), site.close()]);
  }
});

test("search finds what was said, in a conversation that is over", async ({ browser }) => {
  const g = await Gateway.demo();
  try {
    const jana = await agent(browser, g, "jana");
    const { page } = await person(browser);
    await page.goto(g.world);
    await openWidget(page);
    await say(page, "The pallet with the Portuguese oranges");
    await accept(jana.page);
    await jana.page.getByTestId("close").click();
    await jana.page.getByTestId("search").fill("oranges");
    await jana.page.getByTestId("search").press("Enter");
    await jana.page.getByTestId("search-result").first().click();
    await expect(message(jana.page, "Portuguese oranges")).toBeVisible();
  } finally {
    await g.stop();
  }
});
