/** Fewer that were taken out are not worth moving the others for. */
const emptyMost = 1_024;

/**
 * First in, first out. What is taken out is let go at once, and the others are moved seldom: an array would move all of
 * thousands each time.
 */
export class Fifo<Item> implements Iterable<Item> {
  #items: (Item | undefined)[] = [];
  /** The places before it are empty. */
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Takes out the oldest; undefined when there is none. */
  shift(): Item | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (this.size === 0) this.clear();
    else if (this.#first > emptyMost && this.#first > this.size) this.#keep(this.#rest());
    return item;
  }

  /** Takes out what nobody wants any more. */
  removeIf(isMeant: (item: Item) => boolean): void {
    this.#keep(this.#rest().filter((item) => !isMeant(item)));
  }

  clear(): void {
    this.#items.length = 0;
    this.#first = 0;
  }

  /** The oldest first; those that are there now. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#rest().values();
  }

  #rest(): Item[] {
    return this.#items.slice(this.#first) as Item[];
  }

  #keep(items: Item[]): void {
    this.#items = items;
    this.#first = 0;
  }
}
