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
  /** Told of the result while the line is still up, so that the gateway can compare it with what it sees. */
  report?(r: WayResult): Promise<void>;
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
  let line: RTCPeerConnection | undefined;
  let why: string;
  try {
    line = new RTCPeerConnection(configOf(path, o.ice));
    why = await run(line, path, o, () => since() >= (o.patience ?? PATIENCE_MS));
  } catch (e) {
    why = e instanceof Error ? e.message : "the browser refused";
  }
  const result: WayResult = { path, ok: why === "", ms: since(), detail: why };
  try {
    await o.report?.(result);
  } finally {
    line?.close();
  }
  return result;
}

/** Returns why it does not work; "" when sound was heard. */
async function run(line: RTCPeerConnection, path: Way, o: WayOptions, late: () => boolean): Promise<string> {
  let said = "";
  line.onicecandidateerror = (e) => {
    said = `${e.errorCode} ${e.errorText}`.trim();
  };
  line.addTransceiver("audio", { direction: "sendrecv" }); // the gateway wants a line that talks; this one is silent
  await line.setLocalDescription(await line.createOffer());
  const answer = await o.offer(path, line.localDescription?.sdp ?? "");
  await line.setRemoteDescription({ type: "answer", sdp: answerFor(path, answer) });
  while (!late()) {
    if (await hears(line)) return "";
    await new Promise((r) => setTimeout(r, LOOK_MS));
  }
  const state = line.iceConnectionState === "connected" ? "connected, but no sound came" : "no connection";
  return said ? `${state}: ${said}` : state;
}

async function hears(line: RTCPeerConnection): Promise<boolean> {
  if (line.connectionState !== "connected") return false;
  for (const [, s] of await line.getStats()) if (s.type === "inbound-rtp" && s.packetsReceived > 0) return true;
  return false;
}
