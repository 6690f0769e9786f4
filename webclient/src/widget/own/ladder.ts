// The ways to reach the company, best first. Each may be shut here: there is always a next one, and the last two
// always work, because what is written is kept until it is through.

import type { MicTrouble } from "../../shared/call";

/** call: over UDP, TCP or TLS, whatever gets through. back: the company calls back. */
export type Rung = "call" | "voice" | "write" | "back";

export interface Ground {
  /** The gateway takes calls now. */
  calls: boolean;
  /** Why there is no microphone; "" as far as is known there is one. */
  mic: MicTrouble | "";
  /** The browser can record. */
  records: boolean;
  /** A call was tried and does not get through. */
  deaf: boolean;
}

export function can(rung: Rung, g: Ground): boolean {
  switch (rung) {
    case "call":
      return g.calls && !g.deaf && !g.mic;
    case "voice":
      return g.records && !g.mic;
    default:
      return true;
  }
}

const ORDER: readonly Rung[] = ["call", "voice", "write", "back"];

/** The best way that may work, below one that is in use. */
export function next(g: Ground, below?: Rung): Rung {
  const from = below ? ORDER.indexOf(below) + 1 : 0;
  return ORDER.slice(from).find((r) => can(r, g)) ?? "back";
}

/** A path of the sound. */
export type Way = "udp" | "tcp" | "tls";

/** One line of WebRTC statistics, as far as it matters. */
interface Stat {
  type?: string;
  state?: string;
  nominated?: boolean;
  localCandidateId?: string;
  remoteCandidateId?: string;
  protocol?: string;
  relayProtocol?: string;
}

/** The paths that are being tried, and the one that works. */
export function waysOf(stats: ReadonlyMap<string, unknown>): { tried: Way[]; used: Way | "" } {
  const tried = new Set<Way>();
  let used: Way | "" = "";
  for (const s of stats.values() as Iterable<Stat>) {
    if (s.type !== "candidate-pair") continue;
    const local = stats.get(s.localCandidateId ?? "") as Stat | undefined;
    const way = (local?.relayProtocol || local?.protocol) as Way | undefined;
    if (!way) continue;
    tried.add(way);
    if (s.nominated && s.state === "succeeded") used = way;
  }
  return { tried: (["udp", "tcp", "tls"] as const).filter((w) => tried.has(w)), used };
}

/** UDP has a head start of this long: where it works it works at once. */
export const UDP_MS = 2000;
/** After this it is clear that a call does not get through, though it is still tried. */
export const DEAF_MS = 7000;

/** What to say of a call that has been in the making for ms. */
export function trying(ms: number, tried: readonly Way[]): Way | "deaf" {
  if (ms >= DEAF_MS) return "deaf";
  const slower = tried.filter((w) => w !== "udp");
  if (ms < UDP_MS || !slower.length) return "udp";
  return slower.length > 1 && ms > (UDP_MS + DEAF_MS) / 2 ? "tls" : (slower[0] ?? "udp");
}
