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
        if (r.track.kind !== "audio") continue;
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

/** Begins to listen for a sound on the newest connection that comes without a voice: another, and not that tone. */
export function listenWithout(page: Page, hertz: number): Promise<void> {
  return page.evaluate(async (tone) => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const audio = new AudioContext();
    await audio.resume();
    const ear = audio.createAnalyser();
    ear.fftSize = 4096;
    ear.smoothingTimeConstant = 0;
    for (const r of connections.at(-1)?.getReceivers() ?? []) {
      if (r.track.kind === "audio") audio.createMediaStreamSource(new MediaStream([r.track])).connect(ear);
    }
    const bins = new Float32Array(ear.frequencyBinCount);
    const at = Math.round((tone * ear.fftSize) / audio.sampleRate);
    const look = setInterval(() => {
      ear.getFloatFrequencyData(bins);
      if (Math.max(...bins.slice(at - 3, at + 4)) > -60 || Math.max(...bins) < -50) return;
      Object.assign(window, { heardWithout: true });
      clearInterval(look);
      void audio.close();
    }, 40);
  }, hertz);
}

/** Whether it came. */
export function heardWithout(page: Page): Promise<boolean> {
  return page.evaluate(() => "heardWithout" in window);
}

export interface Measured<V extends string> {
  seconds: number;
  /** Share of the sound's energy that is a voice's tone, in its loudest half second. */
  share: Record<V, number>;
  /** Seconds until it is first most of what is heard. */
  at: Record<V, number>;
}

/** What a file of a recording holds, as this browser decodes it, of voices by their tones in hertz. */
export async function measure<V extends string>(
  page: Page,
  path: string,
  voices: Record<V, number>,
): Promise<Measured<V>> {
  const found = await page.evaluate(
    async ([path, voices]) => {
      const answer = await fetch(path);
      const audio = new OfflineAudioContext(1, 48_000, 48_000);
      const sound = await audio.decodeAudioData(await answer.arrayBuffer());
      const samples = sound.getChannelData(0);
      const power = (from: number, n: number, hertz: number) => {
        let [re, im] = [0, 0];
        for (let i = 0; i < n; i++) {
          const s = samples[from + i] ?? 0;
          re += s * Math.cos((2 * Math.PI * hertz * i) / 48_000);
          im += s * Math.sin((2 * Math.PI * hertz * i) / 48_000);
        }
        return (2 * (re * re + im * im)) / n;
      };
      const share: Record<string, number> = {};
      const at: Record<string, number> = {};
      const n = 24_000;
      for (let from = 0; from + n <= samples.length; from += n) {
        const all = samples.subarray(from, from + n).reduce((sum, s) => sum + s * s, 1e-6);
        for (const [who, hertz] of Object.entries(voices)) {
          const now = power(from, n, hertz) / all;
          const before = share[who] ?? 0;
          if (now > 0.5 && before <= 0.5) at[who] = from / 48_000;
          share[who] = Math.max(before, now);
        }
      }
      return { seconds: sound.duration, share, at };
    },
    [path, voices as Record<string, number>] as const,
  );
  return found as Measured<V>;
}
