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

/** Somebody has come into the call, or left it. */
export const chime = (came: boolean): void => void import("./ringing").then((part) => part.chime(came)).catch(() => {});
