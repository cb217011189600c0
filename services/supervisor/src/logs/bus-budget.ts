/** A bucket that holds as many bytes as flow into it in one second. */
export class BusBudget {
  readonly #bytesPerSecond: number;
  #left: number;
  #at: number;

  constructor(bytesPerSecond: number, now: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#left = bytesPerSecond;
    this.#at = now;
  }

  /** @returns whether there is enough left, and then it is taken */
  take(bytes: number, now: number): boolean {
    const gained = ((now - this.#at) / 1_000) * this.#bytesPerSecond;
    this.#left = Math.min(this.#bytesPerSecond, this.#left + Math.max(0, gained));
    this.#at = now;
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}
