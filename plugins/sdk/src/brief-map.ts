import { hashOf } from './hash.ts';

interface Entry<T> {
  readonly name: string;
  readonly value: T;
  /** In the same bucket. */
  next: Entry<T> | undefined;
}

/**
 * A map of what is in it for a moment only. A `Map` replaces its table again and again as names come and go, and keeps alive
 * those that have gone (see `BriefSet`); here an entry that is deleted is garbage, and the table stays.
 */
export class BriefMap<T> {
  #buckets = new Array<Entry<T> | undefined>(fewest).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): T | undefined {
    for (let entry = this.#buckets[this.#bucketOf(name)]; entry; entry = entry.next)
      if (entry.name === name) return entry.value;
    return undefined;
  }

  /** @param name one that is not in it */
  add(name: string, value: T): void {
    if (this.#size >= this.#buckets.length) this.#grow();
    this.#size += 1;
    const bucket = this.#bucketOf(name);
    this.#buckets[bucket] = { name, value, next: this.#buckets[bucket] };
  }

  /** Only when it is that value that the name stands for. */
  delete(name: string, value: T): void {
    const bucket = this.#bucketOf(name);
    let before: Entry<T> | undefined;
    for (let entry = this.#buckets[bucket]; entry; before = entry, entry = entry.next) {
      if (entry.name !== name) continue;
      if (entry.value !== value) return;
      if (before) before.next = entry.next;
      else this.#buckets[bucket] = entry.next;
      this.#size -= 1;
      return;
    }
  }

  #bucketOf(name: string): number {
    return hashOf(name) & (this.#buckets.length - 1);
  }

  #grow(): void {
    const before = this.#buckets;
    this.#buckets = new Array<Entry<T> | undefined>(2 * before.length).fill(undefined);
    for (let entry of before) {
      while (entry) {
        const { next } = entry;
        const bucket = this.#bucketOf(entry.name);
        entry.next = this.#buckets[bucket];
        this.#buckets[bucket] = entry;
        entry = next;
      }
    }
  }
}

/** Buckets; always a power of two. */
const fewest = 64;
