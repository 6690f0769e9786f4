// A button that must be held: a slip of the hand starts nothing.
//
//   idle → holding → done, or back to idle when it is let go too early

import { signal } from "@preact/signals-core";

/** How long it must be held, in ms; emergency.css draws the same. */
export const HOLD_MS = 1500;

export class Hold {
  readonly holding = signal(false);
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly done: () => void) {}

  press(): void {
    if (this.holding.value) return;
    this.holding.value = true;
    this.timer = setTimeout(() => {
      this.release();
      this.done();
    }, HOLD_MS);
  }

  release(): void {
    clearTimeout(this.timer);
    this.holding.value = false;
  }
}
