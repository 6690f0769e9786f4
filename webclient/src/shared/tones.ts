// What rings, and what a caller hears meanwhile: made here, so that there is nothing to load.

/** A tone that comes again until stopped. */
export interface Rhythm {
  hertz: number[];
  /** Length of the tone and of the pause behind it. */
  on: number;
  off: number;
  /** From 0 to 1. */
  volume: number;
}

export const RINGTONE: Rhythm = { hertz: [440, 554], on: 1, off: 3, volume: 0.12 };
export const RINGBACK: Rhythm = { hertz: [425], on: 1, off: 4, volume: 0.06 };

/** Plays a rhythm until the returned function is called. A browser that wants a click first stays silent. */
export function sounding(r: Rhythm): () => void {
  const audio = new AudioContext();
  const once = () => {
    const at = audio.currentTime;
    for (const hertz of r.hertz) {
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      tone.frequency.value = hertz;
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(r.volume, at + 0.03);
      loudness.gain.setValueAtTime(r.volume, at + r.on - 0.05);
      loudness.gain.linearRampToValueAtTime(0, at + r.on);
      tone.connect(loudness).connect(audio.destination);
      tone.start(at);
      tone.stop(at + r.on);
    }
  };
  once();
  const beat = setInterval(once, (r.on + r.off) * 1000);
  return () => {
    clearInterval(beat);
    void audio.close();
  };
}
