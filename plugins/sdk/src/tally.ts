/** How much of something is under way. */
export class Tally {
  #count = 0;
  #settled: PromiseWithResolvers<void> | undefined;

  enter(): void {
    this.#count += 1;
  }

  leave(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    this.#settled?.resolve();
    this.#settled = undefined;
  }

  /** Resolves when nothing is under way any more; at once when nothing is. */
  async settled(): Promise<void> {
    while (this.#count > 0) await (this.#settled ??= Promise.withResolvers<void>()).promise;
  }
}
