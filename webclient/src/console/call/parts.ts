// What the telephone needs of a browser.

import { networkMoves, peer, Speaker, trouble } from "../../shared/call-browser";
import type { Shelf } from "../drafts";
import type { Devices } from "./devices";
import type { Parts } from "./phone";

export function browserParts(devices: Devices): Parts {
  const speaker = new Speaker();
  return {
    microphone: () => devices.open(),
    trouble,
    peer,
    play: (sound) => {
      if (sound) void devices.aim(speaker.element);
      speaker.play(sound);
    },
    aim: () => devices.aim(speaker.element),
    networkMoves,
    shelf: tabShelf(),
    claim,
  };
}

function tabShelf(): Shelf | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

/** Pages without TLS have no locks; they have no microphone either. */
function claim(name: string): Promise<(() => void) | null> {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(null);
      return new Promise<void>((release) => resolve(() => release()));
    });
  });
}
