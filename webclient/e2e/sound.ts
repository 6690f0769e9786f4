// What a page hears and says, from the statistics of its connections.

import { type BrowserContext, expect, type Page } from "@playwright/test";

export interface Sound {
  /** Packets that came and went on the newest connection. */
  received: number;
  sent: number;
  lost: number;
  /** Energy of what was heard; grows only when there is something to hear. */
  energy: number;
}

/** Makes the connections of a context's pages known to heard. */
export async function listen(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const Native = window.RTCPeerConnection;
    const all: RTCPeerConnection[] = [];
    Object.assign(window, { connections: all });
    window.RTCPeerConnection = class extends Native {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        all.push(this);
      }
    };
  });
}

export function heard(page: Page): Promise<Sound> {
  return page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const sound = { received: 0, sent: 0, lost: 0, energy: 0 };
    for (const [, s] of (await connections.at(-1)?.getStats()) ?? []) {
      if (s.type === "inbound-rtp") {
        sound.received = s.packetsReceived;
        sound.lost = s.packetsLost;
        sound.energy = s.totalAudioEnergy;
      }
      if (s.type === "outbound-rtp") sound.sent = s.packetsSent;
    }
    return sound;
  });
}

/** Sound comes to the page, and goes out of it. */
export async function expectSound(page: Page): Promise<void> {
  const before = await heard(page);
  await expect
    .poll(
      async () => {
        const now = await heard(page);
        return now.received > before.received + 20 && now.energy > before.energy && now.sent > before.sent + 20;
      },
      { message: "sound both ways", timeout: 20_000 },
    )
    .toBe(true);
}

/** Packets come, and nothing is in them: the other side is muted. */
export async function expectSilence(page: Page): Promise<void> {
  await expect
    .poll(
      async () => {
        const before = await heard(page);
        await page.waitForTimeout(1500);
        const now = await heard(page);
        return now.received > before.received && now.energy - before.energy < 1e-4;
      },
      { message: "silence", timeout: 20_000 },
    )
    .toBe(true);
}
