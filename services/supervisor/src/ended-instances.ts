const mostRemembered = 1_000;

/** Instances that were seen to end, so that what still arrives of them does not bring them back. */
export class EndedInstances {
  readonly #ids = new Set<string>();

  add(instance: string): void {
    this.#ids.add(instance);
    const [oldest] = this.#ids;
    if (this.#ids.size > mostRemembered && oldest !== undefined) this.#ids.delete(oldest);
  }

  has(instance: string): boolean {
    return this.#ids.has(instance);
  }
}
