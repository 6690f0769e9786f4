// An agent calls: it sounds, and a hidden page says so where the customer allowed it. Loaded when it rings.

import { RINGTONE, sounding } from "../shared/tones";

/** Rings until the returned function is called. */
export function ringing(text: string): () => void {
  const silence = sounding(RINGTONE);
  const sign = document.hidden ? notice(text) : undefined;
  return () => {
    silence();
    sign?.close();
  };
}

/** Somebody has come into the call, or left it: two notes up, or down. */
export function chime(came: boolean): void {
  const note = (hertz: number) => sounding({ hertz: [hertz], on: 0.2, off: 9, volume: 0.08 });
  const first = note(came ? 523 : 659);
  setTimeout(() => {
    first();
    setTimeout(note(came ? 659 : 523), 400);
  }, 200);
}

function notice(text: string): Notification | undefined {
  try {
    if (Notification.permission !== "granted") return undefined;
    const sign = new Notification(text, { body: document.title, requireInteraction: true });
    sign.onclick = () => focus();
    return sign;
  } catch {
    return undefined; // no such thing here: it sounds
  }
}
