/** An entry, which keeps its value as long as it is one. */
interface Holder<T> {
  value: T | undefined;
}

/**
 * A map of what is in it for a moment only. A `Map` would keep what has gone, as a `Set` does (see `BriefSet`): here it keeps
 * the names of those, and a holder that is empty.
 */
export class BriefMap<T> {
  readonly #holders = new Map<string, Holder<T>>();

  get(name: string): T | undefined {
    return this.#holders.get(name)?.value;
  }

  /** @param name one that is not in it */
  add(name: string, value: T): void {
    this.#holders.set(name, { value });
  }

  /** Only when it is that value that the name stands for. */
  delete(name: string, value: T): void {
    const holder = this.#holders.get(name);
    if (holder?.value !== value) return;
    holder.value = undefined;
    this.#holders.delete(name);
  }
}
