import { expect } from "@playwright/test";
import { Cluster } from "./cluster";
import { accept, agentWithPassword, message, openWidget, person, say } from "./people";
import { Site } from "./site";
import { test } from "./test";

test("several gateways are one: a page and a console at different ones, one dies, Redis goes away and comes back", async ({
  browser,
}) => {
  const site = await Site.open();
  const c = await Cluster.open(site.origin, 3);
  const [a, b, third] = c.nodes;
  if (!a || !b || !third) throw new Error("three gateways were asked for");
  site.script = `<script src="${c.url}/widget.js" data-site="shop" async></script>`;
  try {
    c.use(a);
    const jana = await agentWithPassword(browser, c, "jana");
    c.use(b);
    const { page } = await person(browser);
    await page.goto(site.origin);
    await openWidget(page);
    await say(page, "Is anybody there?");
    await accept(jana.page);
    await expect(message(jana.page, "Is anybody there?")).toHaveCount(1);
    await say(jana.page, "I am here");
    await expect(message(page, "I am here")).toHaveCount(1);

    // The gateway where the customer's page hangs dies; the page goes on at another.
    c.use(third);
    await b.kill();
    const died = Date.now();
    await say(page, "After the fall");
    await expect(message(jana.page, "After the fall")).toHaveCount(1);
    test.info().annotations.push({
      type: "page moved",
      description: `${Date.now() - died} ms until the agent had the next message`,
    });

    // So does the one where the console hangs, which decided for all.
    await a.kill();
    const fell = Date.now();
    await expect(jana.page.getByTestId("reconnecting")).toHaveCount(0);
    await say(jana.page, "Still here");
    await expect(message(page, "Still here")).toHaveCount(1);
    test.info().annotations.push({
      type: "console moved",
      description: `${Date.now() - fell} ms until the customer had the answer`,
    });

    // Redis goes away: the customer's message is taken, the agent is told calmly, and gets it when Redis is back.
    await c.redis.stop(true);
    await expect(jana.page.getByText("cannot reach what they share")).toBeVisible();
    await say(page, "Written while Redis was away");
    await expect(page.getByText("Written while Redis was away")).toBeVisible();
    await page.waitForTimeout(2000);
    await c.redis.start();
    const back = Date.now();
    await expect(message(jana.page, "Written while Redis was away")).toHaveCount(1);
    test.info().annotations.push({
      type: "redis back",
      description: `${Date.now() - back} ms until the agent had what was written meanwhile`,
    });
    await expect(jana.page.getByText("cannot reach what they share")).toHaveCount(0);
    await say(jana.page, "Got it");
    await expect(message(page, "Got it")).toHaveCount(1);
    await expect(message(page, "Written while Redis was away")).toHaveCount(1);
  } finally {
    await Promise.all([c.close(), site.close()]);
  }
});
