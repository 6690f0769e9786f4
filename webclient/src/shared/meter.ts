/** How loud a microphone is, from 0 to 1, whenever asked. */
export class Meter {
  readonly #context = new AudioContext();
  readonly #ear = this.#context.createAnalyser();
  readonly #samples = new Uint8Array(256);

  constructor(sound: MediaStream) {
    this.#ear.fftSize = 256;
    this.#context.createMediaStreamSource(sound).connect(this.#ear);
  }

  level(): number {
    this.#ear.getByteTimeDomainData(this.#samples);
    return Math.min(1, this.#samples.reduce((most, v) => Math.max(most, Math.abs(v - 128)), 0) / 64);
  }

  close(): void {
    void this.#context.close();
  }
}
