// Does somebody speak? Levels in, a yes or no out that does not flicker.

/** A level above this may be a voice; rooms are quieter. */
const LOUD = 0.12;
/** So many loud ones among the last WINDOW, and somebody speaks. */
const ENOUGH = 4;
const WINDOW = 12;
/** The yes stays for so many quiet levels. */
const STAYS = 25;

export class Speech {
  private recent: boolean[] = [];
  private left = 0;

  /** Takes the next level, 0 to 1; to be called about ten times a second. */
  hears(level: number): boolean {
    this.recent = [...this.recent, level > LOUD].slice(-WINDOW);
    if (this.recent.filter(Boolean).length >= ENOUGH) this.left = STAYS;
    else if (this.left > 0) this.left--;
    return this.left > 0;
  }

  reset(): void {
    this.recent = [];
    this.left = 0;
  }
}
