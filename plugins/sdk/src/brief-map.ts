/** Keeps the value of an entry as long as it is one. */
interface Holder<T> {
  value: T | undefined;
}

/**
 * A map of what is in it for a moment only. A `Map` would keep what has gone, as a `Set` does (see `BriefSet`): here it keeps
 * the names of those, and a holder that is empty.
 */
export class BriefMap<T> {
  readonly #holders = new Map<string, Holder<T>>();

  get size(): number {
    return this.#holders.size;
  }

  get(name: string): T | undefined {
    return this.#holders.get(name)?.value;
  }

  set(name: string, value: T): void {
    this.delete(name);
    this.#holders.set(name, { value });
  }

  delete(name: string): void {
    const holder = this.#holders.get(name);
    if (!holder) return;
    holder.value = undefined;
    this.#holders.delete(name);
  }

  /** All that are in it now; who comes and goes meanwhile makes no difference. */
  values(): T[] {
    return [...this.#holders.values()].flatMap(({ value }) => (value === undefined ? [] : [value]));
  }
}
