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
