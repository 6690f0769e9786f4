// Short sounds of the console, made and not loaded.

/** A note: its frequency in Hz, when it begins in s. */
type Note = readonly [hertz: number, at: number];

/** Something rings. */
export const RING: readonly Note[] = [
  [659, 0],
  [880, 0.18],
];

/** A message came in a conversation that nobody looks at. */
export const NEWS: readonly Note[] = [[784, 0]];

/** Somebody joins the call, or leaves it. */
export const COMES: readonly Note[] = [
  [523, 0],
  [659, 0.12],
];
export const GOES: readonly Note[] = [
  [659, 0],
  [523, 0.12],
];

export class Tone {
  private context: AudioContext | null = null;

  play(notes: readonly Note[]): void {
    this.context ??= new AudioContext();
    const { context } = this;
    if (context.state === "suspended") void context.resume();
    for (const [hertz, at] of notes) {
      const start = context.currentTime + at;
      const note = context.createOscillator();
      const volume = context.createGain();
      note.type = "sine";
      note.frequency.value = hertz;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.14, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
      note.connect(volume).connect(context.destination);
      note.start(start);
      note.stop(start + 0.55);
    }
  }

  close(): void {
    void this.context?.close();
    this.context = null;
  }
}

/** Whether this browser would stay silent now: many want a click on the page first. */
export async function isMuted(): Promise<boolean> {
  if (navigator.userActivation?.hasBeenActive) return false;
  const probe = new AudioContext();
  // Where it is not allowed, this promise waits for the click.
  const runs = probe.resume().then(() => probe.state === "running");
  const waits = new Promise<boolean>((soon) => setTimeout(soon, ALLOWED_MS, false));
  const heard = await Promise.race([runs, waits]);
  await probe.close();
  return !heard;
}

/** An allowed sound has begun by then. */
const ALLOWED_MS = 500;
