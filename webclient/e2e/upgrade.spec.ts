// A new process takes the gateway's place while people talk: they go on without a click, and who calls meanwhile
// is answered by the new one.

import { type Browser, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { accept, agentWithPassword, person } from "./people";
import { expectSound, listen } from "./sound";
import { test } from "./test";

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.serve("https://shop.example.org");
});
test.afterAll(async () => {
  await g.stop();
});

const microphone = { permissions: ["microphone"] };

async function ready(browser: Browser, id: string): Promise<Page> {
  const agent = await agentWithPassword(browser, g, id, microphone);
  await listen(agent.context);
  await agent.page.reload();
  await expect(agent.page.getByTestId("inbox")).toBeVisible();
  return agent.page;
}

/** A customer who has opened a link. */
async function customer(browser: Browser): Promise<Page> {
  const p = await person(browser, microphone);
  await listen(p.context);
  const { url } = JSON.parse(g.run("link", "create", "--json", "--to", "queue/main"));
  await p.page.goto(url);
  return p.page;
}

async function connected(agent: Page, page: Page): Promise<void> {
  await expect(agent.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
  await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
  await Promise.all([expectSound(page), expectSound(agent)]);
}

/** The longest time, ms, in which no packet of sound came to a page, until one came on a connection that was made
 * since and the page has heard it for a while. */
function silence(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const before = connections.length;
    let [most, last, seen] = [0, performance.now(), ""];
    for (let steady = 0; steady < 50; ) {
      await new Promise((r) => setTimeout(r, 10));
      let received = 0;
      for (const [, s] of (await connections.at(-1)?.getStats()) ?? []) {
        if (s.type === "inbound-rtp") received += s.packetsReceived;
      }
      const now = `${connections.length} ${received}`;
      if (received === 0 || now === seen) continue;
      seen = now;
      most = Math.max(most, performance.now() - last);
      last = performance.now();
      if (connections.length > before) steady++;
    }
    return Math.round(most);
  });
}

test("an upgrade in a call: both go on without a click; a call that begins meanwhile is answered", async ({
  browser,
}) => {
  const [jana, page, next] = [await ready(browser, "jana"), await customer(browser), await customer(browser)];
  await page.locator("main").getByTestId("call").click();
  await accept(jana);
  await connected(jana, page);
  const emil = await ready(browser, "emil");

  for (let round = 0; round < 3; round++) {
    const quiet = [silence(page), silence(jana)];
    await g.upgrade();
    const [customers = 0, agents = 0] = await Promise.all(quiet);
    test.info().annotations.push({ type: "silence in an upgrade", description: `${customers} ms, ${agents} ms` });
    expect(Math.max(customers, agents)).toBeLessThan(10_000);
    await connected(jana, page);
  }

  const upgraded = g.upgrade();
  await next.locator("main").getByTestId("call").click();
  await accept(emil);
  await connected(emil, next);
  await upgraded;
  await connected(jana, page);
  expect(await jana.getByTestId("conversation").count()).toBe(1);
  await jana.getByTestId("call-hangup").first().click();
  await expect(page.locator("[data-phase=talking]")).toHaveCount(0);
  await expectSound(next);
});
