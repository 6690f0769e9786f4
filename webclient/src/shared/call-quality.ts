// How good a line is, in one word, from what the browser counts.

export type Quality = "good" | "fair" | "poor";

/** What is looked at; counters since the connection began. */
export interface Counted {
  received: number;
  lost: number;
  /** Seconds. */
  jitter: number;
  /** Seconds; 0 unknown. */
  roundTrip: number;
}

/** Reads a report of getStats; undefined: nothing has come yet. */
export function counted(report: Iterable<[string, unknown]>): Counted | undefined {
  let found: Counted | undefined;
  let roundTrip = 0;
  let latest = 0;
  for (const [, entry] of report) {
    const s = entry as Record<string, unknown>;
    if (s.type === "inbound-rtp") {
      // One for each voice: together they are the line, and what speaks now says how it jitters.
      const at = number(s.lastPacketReceivedTimestamp);
      const jitter = !found || at >= latest ? number(s.jitter) : found.jitter;
      latest = Math.max(latest, at);
      const received = number(s.packetsReceived) + (found?.received ?? 0);
      found = { received, lost: number(s.packetsLost) + (found?.lost ?? 0), jitter, roundTrip };
    } else if (s.type === "candidate-pair" && s.nominated === true) {
      roundTrip = number(s.currentRoundTripTime);
    }
  }
  return found && { ...found, roundTrip };
}

/** Judges the time between two counts. Opus conceals a few losses; from 2 % on people notice, from 8 % they
 * ask again. */
export function quality(before: Counted, now: Counted): Quality {
  const lost = now.lost - before.lost;
  const all = lost + now.received - before.received;
  const share = all > 0 ? lost / all : 1;
  if (share > 0.08 || now.jitter > 0.1 || now.roundTrip > 0.6) return "poor";
  return share > 0.02 || now.jitter > 0.04 || now.roundTrip > 0.3 ? "fair" : "good";
}

/** Watches one line: look is to be called every few seconds. */
export class Watch {
  /** Undefined until two looks were possible. */
  word: Quality | undefined;
  #before: Counted | undefined;
  #of: RTCPeerConnection | undefined;

  async look(peer: RTCPeerConnection | undefined): Promise<void> {
    if (peer !== this.#of) {
      this.#of = peer;
      this.#before = this.word = undefined;
    }
    const now = peer && counted((await peer.getStats()) as unknown as Iterable<[string, unknown]>);
    if (peer !== this.#of) return;
    if (now && this.#before) this.word = quality(this.#before, now);
    this.#before = now;
  }
}

function number(v: unknown): number {
  return typeof v === "number" ? v : 0;
}
