export interface OverlapOptions {
  /** Messages, each counted once for every subscription that brought it. @default 10000 */
  most?: number;
  /** @default 4 MiB */
  mostBytes?: number;
}

/**
 * While one subscription takes over from another the broker delivers by both: of each message one is enough. Two that
 * are equal were sent twice, when one subscription brought both.
 *
 * Takeovers can follow each other without end, so the oldest messages are forgotten when they become many: one that
 * comes that late by its second subscription is taken for another, which is better than to run out of memory.
 */
export class Overlap {
  readonly #most: number;
  readonly #mostBytes: number;
  /** How often each subscription brought a message. */
  readonly #arrivals = new Map<string, Map<unknown, number>>();
  #size = 0;
  #bytes = 0;

  constructor({ most = 10_000, mostBytes = 4 * 1024 * 1024 }: OverlapOptions = {}) {
    this.#most = most;
    this.#mostBytes = mostBytes;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether another subscription has brought this one already. */
  isSecond(subscription: unknown, message: string): boolean {
    const counts = this.#arrivals.get(message) ?? this.#add(message);
    const most = Math.max(0, ...counts.values());
    const count = (counts.get(subscription) ?? 0) + 1;
    if (count === 1) this.#size += 1;
    counts.set(subscription, count);
    this.#forgetOldest();
    return count <= most;
  }

  clear(): void {
    this.#arrivals.clear();
    this.#size = 0;
    this.#bytes = 0;
  }

  /** @param message of one byte a character */
  #add(message: string): Map<unknown, number> {
    const counts = new Map<unknown, number>();
    this.#arrivals.set(message, counts);
    this.#bytes += message.length;
    return counts;
  }

  #forgetOldest(): void {
    for (const [message, counts] of this.#arrivals) {
      if (this.#size <= this.#most && this.#bytes <= this.#mostBytes) return;
      this.#arrivals.delete(message);
      this.#size -= counts.size;
      this.#bytes -= message.length;
    }
  }
}
