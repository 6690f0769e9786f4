// A call in which a fifth of all packets of one side's network is lost, in both directions: what each side hears of
// a voice, in figures of Chromium's jitter buffer.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page } from "@playwright/test";
import config from "../playwright.config";
import { Gateway } from "./gateway";
import { Network } from "./network";
import { accept, agent, openWidget, person } from "./people";
import { expectSound, listen } from "./sound";
import { test } from "./test";

const RATE = 48_000;

/** Something like a voice: pulses of a larynx through two formants, in syllables. */
function voice(): string {
  const seconds = 8;
  const samples = new Int16Array(seconds * RATE);
  for (let i = 0; i < samples.length; i++) {
    const t = i / RATE;
    const since = (t * (115 + 12 * Math.sin(2 * Math.PI * 0.7 * t))) % 1;
    const tone = Math.exp(-since * 9) * (Math.sin(since * 36) + 0.6 * Math.sin(since * 90));
    const syllable = Math.max(0, Math.sin(2 * Math.PI * 2.2 * t)) ** 0.5;
    samples[i] = 9000 * tone * syllable;
  }
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.byteLength, 40);
  const path = join(mkdtempSync(join(tmpdir(), "backline-voice-")), "voice.wav");
  writeFileSync(path, Buffer.concat([head, Buffer.from(samples.buffer)]));
  return path;
}

const { launchOptions } = config.use ?? {};
test.use({
  launchOptions: {
    ...launchOptions,
    args: [...(launchOptions?.args ?? []), `--use-file-for-fake-audio-capture=${voice()}`],
  },
});

interface Heard {
  received: number;
  lost: number;
  repaired: number;
  again: number;
  samples: number;
  concealed: number;
}

function heard(page: Page): Promise<Heard> {
  return page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const h = { received: 0, lost: 0, repaired: 0, again: 0, samples: 0, concealed: 0 };
    for (const [, s] of (await connections.at(-1)?.getStats()) ?? []) {
      if (s.type === "inbound-rtp" && s.packetsReceived > h.received) {
        h.received = s.packetsReceived;
        h.lost = s.packetsLost;
        h.repaired = s.fecPacketsReceived ?? 0;
        h.again = s.nackCount ?? 0;
        h.samples = s.totalSamplesReceived;
        h.concealed = s.concealedSamples;
      }
    }
    return h;
  });
}

/** What a page hears in this time, as parts of all. */
async function over(page: Page, ms: number): Promise<{ lost: number; concealed: number; text: string }> {
  const a = await heard(page);
  await page.waitForTimeout(ms);
  const b = await heard(page);
  const lost = (b.lost - a.lost) / (b.received + b.lost - a.received - a.lost);
  const concealed = (b.concealed - a.concealed) / (b.samples - a.samples);
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  const text = `lost for good ${percent(lost)}, concealed ${percent(concealed)}, FEC packets ${b.repaired - a.repaired}, asked again ${b.again - a.again}`;
  return { lost, concealed, text };
}

let g: Gateway;
test.beforeEach(async () => {
  g = await Gateway.demo();
});
test.afterEach(async () => {
  await g.stop();
});

test("a fifth of all packets is lost: a voice stays whole", async ({ browser }) => {
  const options = { permissions: ["microphone"] };
  const jana = await agent(browser, g, "jana", options);
  await listen(jana.context);
  await jana.page.reload();
  await expect(jana.page.getByTestId("inbox")).toBeVisible();
  const customer = await person(browser, options);
  const network = await Network.of(customer.context);
  await listen(customer.context);
  await customer.page.goto(g.world);
  await openWidget(customer.page);
  await customer.page.getByTestId("call").click();
  await accept(jana.page);
  await Promise.all([expectSound(customer.page), expectSound(jana.page)]);
  network.loss = 0.2;
  await customer.page.waitForTimeout(5000); // both sides find out
  const [down, up] = await Promise.all([over(customer.page, 15_000), over(jana.page, 15_000)]);
  test.info().annotations.push({ type: "to the customer", description: down.text });
  test.info().annotations.push({ type: "to the agent", description: up.text });
  console.log(`to the customer: ${down.text}\nto the agent: ${up.text}`);
  for (const way of [down, up]) expect(way.concealed).toBeLessThan(0.1);
  network.close();
});
