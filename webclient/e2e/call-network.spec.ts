// Calls over bad networks and through a crash of the gateway, heard at both ends. Nobody clicks anything.

import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { Gateway } from "./gateway";
import { Network } from "./network";
import { accept, agent, openWidget, person } from "./people";
import { expectSound, heard, listen } from "./sound";
import { test } from "./test";

let g: Gateway;
let nets: Network[];
test.beforeEach(async () => {
  g = await Gateway.demo();
  nets = [];
});
test.afterEach(async () => {
  for (const n of nets) n.close();
  await g.stop();
});

const microphone = { permissions: ["microphone"] };

async function behind(context: BrowserContext, udp = true): Promise<Network> {
  const n = await Network.of(context, { udp });
  nets.push(n);
  await listen(context);
  return n;
}

/** A customer and an agent who hear each other. */
async function inCall(browser: Browser, udp = true) {
  const jana = await agent(browser, g, "jana", microphone);
  const agentNet = await behind(jana.context, udp);
  await jana.page.reload();
  await expect(jana.page.getByTestId("inbox")).toBeVisible();
  const customer = await person(browser, microphone);
  const customerNet = await behind(customer.context, udp);
  await customer.page.goto(g.world);
  await openWidget(customer.page);
  await customer.page.getByTestId("call").click();
  await accept(jana.page);
  await connected(jana.page, customer.page);
  return { jana: jana.page, page: customer.page, agentNet, customerNet };
}

async function connected(jana: Page, page: Page): Promise<void> {
  await expect(jana.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
  await expect(page.locator("[data-phase=talking]").first()).toBeVisible();
  await Promise.all([expectSound(page), expectSound(jana)]);
}

/** Waits until both pages hear something new, looking often, and notes how long that took. */
async function soundAgain(what: string, since: number, ...pages: Page[]): Promise<void> {
  await Promise.all(
    pages.map(async (p) => {
      let before = await heard(p);
      await expect
        .poll(
          async () => {
            const now = await heard(p);
            const grows = now.energy > before.energy && now.received > before.received;
            before = now;
            return grows;
          },
          { intervals: [50], timeout: 60_000 },
        )
        .toBe(true);
    }),
  );
  test.info().annotations.push({ type: what, description: `${Date.now() - since} ms` });
}

test("the gateway is killed in a call: both are in it again by themselves", async ({ browser }) => {
  const { jana, page } = await inCall(browser);
  const calls = await jana.getByTestId("conversation").count();
  await g.kill();
  const started = Date.now();
  await g.start();
  await soundAgain("gateway started to sound both ways", started, page, jana);
  await connected(jana, page);
  expect(await jana.getByTestId("conversation").count()).toBe(calls);
  await jana.getByTestId("call-hangup").first().click();
  await expect(page.getByTestId("log")).toContainText(/Call, 0:\d\d/);
});

test("the customer's network is gone for 5 s", async ({ browser }) => {
  const { jana, page, customerNet } = await inCall(browser);
  customerNet.cut();
  await page.waitForTimeout(5000);
  const { received } = await heard(page);
  customerNet.heal();
  await soundAgain("healed to sound both ways", Date.now(), page, jana);
  await connected(jana, page);
  expect((await heard(page)).received).not.toBe(received);
});

test("the agent's network is gone for 5 s", async ({ browser }) => {
  const { jana, page, agentNet } = await inCall(browser);
  agentNet.cut();
  await page.waitForTimeout(5000);
  agentNet.heal();
  await soundAgain("healed to sound both ways", Date.now(), page, jana);
  await connected(jana, page);
});

test("no UDP comes through: the call goes over TCP", async ({ browser }) => {
  const { jana, page } = await inCall(browser, false);
  for (const p of [jana, page]) {
    const path = await p.evaluate(async () => {
      const { connections } = window as unknown as { connections: RTCPeerConnection[] };
      const stats = await connections.at(-1)?.getStats();
      const pair = [...(stats?.values() ?? [])].find(
        (s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded",
      );
      return stats?.get(pair?.localCandidateId)?.protocol;
    });
    expect(path).toBe("tcp");
  }
});
