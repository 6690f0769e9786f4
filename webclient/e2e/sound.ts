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
        // One for each voice.
        sound.received += s.packetsReceived;
        sound.lost += s.packetsLost;
        sound.energy += s.totalAudioEnergy ?? 0;
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

/** Gives the pages of a context a voice: a tone of so many hertz in place of the browser's beep. */
export async function voice(context: BrowserContext, hertz: number): Promise<void> {
  await context.addInitScript((frequency) => {
    navigator.mediaDevices.getUserMedia = async () => {
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      const out = audio.createMediaStreamDestination();
      tone.frequency.value = frequency;
      loudness.gain.value = 0.3;
      tone.connect(loudness).connect(out);
      tone.start();
      return out.stream;
    };
  }, hertz);
}

/** How loud tones are in all that a page hears on its newest connection, in decibels, over about a second. */
export function tones(page: Page, hertz: readonly number[]): Promise<number[]> {
  return page.evaluate(
    async (wanted) => {
      const { connections } = window as unknown as { connections: RTCPeerConnection[] };
      const audio = new AudioContext();
      await audio.resume();
      const ear = audio.createAnalyser();
      ear.fftSize = 8192;
      ear.smoothingTimeConstant = 0;
      for (const r of connections.at(-1)?.getReceivers() ?? []) {
        audio.createMediaStreamSource(new MediaStream([r.track])).connect(ear);
      }
      const bins = new Float32Array(ear.frequencyBinCount);
      const loudest = wanted.map(() => -200);
      for (let i = 0; i < 5; i++) {
        await new Promise((soon) => setTimeout(soon, 200));
        ear.getFloatFrequencyData(bins);
        wanted.forEach((f, n) => {
          const at = Math.round((f * ear.fftSize) / audio.sampleRate);
          loudest[n] = Math.max(loudest[n] ?? -200, ...bins.slice(at - 2, at + 3));
        });
      }
      await audio.close();
      return loudest;
    },
    [...hertz],
  );
}
