// The browser behind a customer's call.

import { CallLine } from "../shared/call";
import { microphone, networkMoves, peer, Speaker, trouble } from "../shared/media";
import type { Chat } from "./chat";

export function browserLine(chat: Chat, changed: () => void): CallLine {
  const line = new CallLine({
    microphone,
    trouble,
    peer,
    offer: (o) => chat.line.send({ t: "call.offer", ...o }),
    hangup: (call) => chat.line.send({ t: "call.hangup", call }),
    play: new Speaker().play,
    changed,
  });
  networkMoves(() => line.network());
  return line;
}

/** Rings until the returned function is called. */
export function ring(text: string): () => void {
  let silence: (() => void) | undefined;
  let over = false;
  navigator.vibrate?.([1000, 3000, 1000, 3000, 1000]);
  import("./ringing").then(
    (part) => {
      if (!over) silence = part.ringing(text);
    },
    () => {}, // it rings for the eyes only
  );
  return () => {
    over = true;
    silence?.();
    navigator.vibrate?.(0);
  };
}

/** Somebody has come into the call, or left it: two notes up, or down. */
export function chime(came: boolean): void {
  const audio = new AudioContext();
  for (const [i, hertz] of (came ? [523, 659] : [659, 523]).entries()) {
    const at = audio.currentTime + i * 0.15;
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.1, at);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
    tone.connect(loudness).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.4);
  }
  setTimeout(() => void audio.close(), 1000);
}
