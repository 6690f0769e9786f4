// Tries one way to the gateway without a microphone: a line that only listens, made so that it can come up by that
// way alone. It works when sound is heard. The page of a check and the check before a call use it.

import type { ICEServer } from "./protocol";

/** In the order in which a call tries them: directly over UDP, ICE over TCP, and the relay by its transports. */
export type Way = "udp" | "tcp" | "turn-udp" | "turn-tcp" | "turn-tls";

export interface WayResult {
  path: Way;
  ok: boolean;
  /** From the offer to the first sound, or until it was given up. */
  ms: number;
  /** Why not, as the browser says it; for the IT lead, not for customers. */
  detail: string;
}

export interface WayOptions {
  /** Hands the offer to the gateway and returns its answer. */
  offer(path: Way, sdp: string): Promise<string>;
  /** The relays as the gateway names them. */
  ice: ICEServer[];
  /** Given up after this. */
  patience?: number;
}

const PATIENCE_MS = 8000;
const LOOK_MS = 100;

const RELAYS: Partial<Record<Way, RegExp>> = {
  "turn-udp": /^turn:.*transport=udp$/,
  "turn-tcp": /^turn:.*transport=tcp$/,
  "turn-tls": /^turns:/,
};

/** The configuration with which a connection can go by this way only. */
export function configOf(way: Way, ice: ICEServer[]): RTCConfiguration {
  const url = RELAYS[way];
  if (!url) return { iceServers: [], bundlePolicy: "max-bundle" };
  const iceServers = ice.map((s) => ({ ...s, urls: (s.urls ?? []).filter((u) => url.test(u)) }));
  return {
    iceServers: iceServers.filter((s) => s.urls.length > 0),
    iceTransportPolicy: "relay",
    bundlePolicy: "max-bundle",
  };
}

/** The answer with the addresses of this way alone; a relay goes on over UDP. */
export function answerFor(way: Way, sdp: string): string {
  const other = way === "tcp" ? "udp" : "tcp";
  const line = new RegExp(`^a=candidate:\\S+ \\d+ ${other} .*\\r?\\n`, "gim");
  return sdp.replace(line, "");
}

export async function tryWay(path: Way, o: WayOptions): Promise<WayResult> {
  const began = performance.now();
  const since = () => Math.round(performance.now() - began);
  const patience = o.patience ?? PATIENCE_MS;
  let said = "";
  let pc: RTCPeerConnection | undefined;
  try {
    const line = new RTCPeerConnection(configOf(path, o.ice));
    pc = line;
    line.onicecandidateerror = (e) => {
      said = `${e.errorCode} ${e.errorText}`.trim();
    };
    line.addTransceiver("audio", { direction: "recvonly" });
    await line.setLocalDescription(await line.createOffer());
    const answer = await o.offer(path, line.localDescription?.sdp ?? "");
    await line.setRemoteDescription({ type: "answer", sdp: answerFor(path, answer) });
    while (since() < patience) {
      if (await hears(line)) return { path, ok: true, ms: since(), detail: "" };
      await new Promise((r) => setTimeout(r, LOOK_MS));
    }
    const state = line.iceConnectionState === "connected" ? "connected, but no sound came" : "no connection";
    return { path, ok: false, ms: since(), detail: said ? `${state}: ${said}` : state };
  } catch (e) {
    return { path, ok: false, ms: since(), detail: e instanceof Error ? e.message : "the browser refused" };
  } finally {
    pc?.close();
  }
}

async function hears(line: RTCPeerConnection): Promise<boolean> {
  if (line.connectionState !== "connected") return false;
  for (const [, s] of await line.getStats()) if (s.type === "inbound-rtp" && s.packetsReceived > 0) return true;
  return false;
}
