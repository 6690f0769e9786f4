// Calls through networks with walls: nothing but TURN gets through, by each of its transports, heard at both ends.
// TURN over TLS shares the port of the pages.

import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import config from "../playwright.config";
import { Gateway } from "./gateway";
import { accept, agentWithPassword, person } from "./people";
import { expectSound, listen } from "./sound";
import { test } from "./test";

const { launchOptions } = config.use ?? {};
test.use({
  launchOptions: { ...launchOptions, args: [...(launchOptions?.args ?? []), "--ignore-certificate-errors"] },
});

let g: Gateway;
test.beforeAll(async () => {
  g = await Gateway.serve("https://shop.example.org", "", true);
});
test.afterAll(async () => {
  await g.stop();
});

/** Pages of the context get through by this relay alone: its URL begins and ends so. */
async function behind(context: BrowserContext, way: readonly [string, string]): Promise<void> {
  await context.addInitScript(([from, to]) => {
    const Native = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Native {
      constructor(c: RTCConfiguration = {}) {
        const iceServers = (c.iceServers ?? []).map((s) => ({
          ...s,
          urls: [s.urls].flat().filter((u) => u.startsWith(from) && u.endsWith(to)),
        }));
        super({ ...c, iceServers: iceServers.filter((s) => s.urls.length > 0), iceTransportPolicy: "relay" });
      }
    };
  }, way);
  await listen(context);
}

/** How the relay of the connection in use is reached. */
function relay(page: Page): Promise<string | undefined> {
  return page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const stats = await connections.at(-1)?.getStats();
    const pair = [...(stats?.values() ?? [])].find((s) => s.type === "candidate-pair" && s.nominated);
    const local = stats?.get(pair?.localCandidateId);
    return local?.candidateType === "relay" ? local.relayProtocol : local?.candidateType;
  });
}

async function inCall(browser: Browser, way: readonly [string, string]): Promise<[Page, Page]> {
  const options = { permissions: ["microphone"], ignoreHTTPSErrors: true };
  const jana = await agentWithPassword(browser, g, "jana", options);
  await behind(jana.context, way);
  await jana.page.reload();
  await expect(jana.page.getByTestId("inbox")).toBeVisible();
  const customer = await person(browser, options);
  await behind(customer.context, way);
  const { url } = JSON.parse(g.run("link", "create", "--json", "--to", "queue/main"));
  await customer.page.goto(url);
  const clicked = Date.now();
  await customer.page.locator("main").getByTestId("call").click();
  await accept(jana.page);
  await expect(jana.page.getByTestId("call-card")).toHaveAttribute("data-state", "connected");
  test.info().annotations.push({ type: "click to connected at the agent", description: `${Date.now() - clicked} ms` });
  return [jana.page, customer.page];
}

for (const [transport, way] of [
  ["udp", ["turn:", "=udp"]],
  ["tcp", ["turn:", "=tcp"]],
  ["tls", ["turns:", "=tcp"]],
] as const) {
  test(`only TURN over ${transport.toUpperCase()} gets through: both hear each other`, async ({ browser }) => {
    const [jana, customer] = await inCall(browser, way);
    await Promise.all([expectSound(customer), expectSound(jana)]);
    expect(await Promise.all([relay(customer), relay(jana)])).toEqual([transport, transport]);
    await jana.getByTestId("call-hangup").first().click();
    await expect(customer.locator("main[data-phase=talking]")).toHaveCount(0);
    await jana.getByTestId("wrap-up-ready").first().click();
  });
}

test("the check before a call tries the relay over TLS too", async ({ browser }) => {
  const { page } = await person(browser, { permissions: ["microphone"], ignoreHTTPSErrors: true });
  const { url } = JSON.parse(g.run("link", "create", "--json", "--to", "queue/main"));
  await page.goto(url);
  await page.getByTestId("try").click();
  for (const what of ["browser", "mic", "tls", "udp", "tcp", "turn-tls"]) {
    await expect(page.getByTestId(`check-${what}`)).toHaveAttribute("data-result", "ok");
  }
  await expect(page.getByTestId("check-next")).toHaveAttribute("data-rung", "call");
});

test("doctor rtc: a phone proves each way, once", async ({ browser }) => {
  const doctor = g.begin("doctor", "rtc", "--json");
  const link = await doctor.line((l) => l.url);
  const phone = {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    ignoreHTTPSErrors: true,
  } as const;
  for (const colorScheme of ["light", "dark"] as const) {
    const { page } = await person(browser, { ...phone, colorScheme });
    await page.goto(link.url);
    if (colorScheme === "dark") {
      await page.getByTestId("start").click();
      await expect(page.getByRole("status")).toContainText("used already");
    } else {
      await page.getByTestId("start").click();
      await expect(page.getByRole("status")).toHaveText(/Every way works/);
      await expect(page.locator("[data-state=works]")).toHaveCount(5);
    }
    await page.screenshot({ path: `e2e/shots/check-${colorScheme}.png` });
    const found = await new AxeBuilder({ page }).analyze();
    expect(found.violations.map((v) => v.id)).toEqual([]);
  }
  expect(await doctor.end()).toBe(0);
  const ways = doctor.lines().filter((l) => l.path);
  expect(ways.map((l) => `${l.path} ${l.ok}`)).toEqual(
    ["udp", "tcp", "turn-udp", "turn-tcp", "turn-tls"].map((p) => `${p} true`),
  );
});
