// What the telephone needs of a browser.

import { microphone, networkMoves, peer, Speaker, trouble } from "../../shared/call-browser";
import type { Shelf } from "../drafts";
import type { Parts } from "./phone";

export function browserParts(): Parts {
  return {
    microphone: () => microphone(),
    trouble,
    peer,
    play: new Speaker().play,
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
