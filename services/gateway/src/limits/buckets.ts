import { TokenBucket } from '@bkg/sdk';
import type { BucketLimit } from '@bkg/sdk';

/** Of what is thrown away when all that there may be are in use. */
const droppedShare = 0.1;

/** Buckets by name, made when they are needed first. There is a bound to them: a full one is as good as none. */
export class Buckets {
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #most: number;

  /** @param most at a time */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** With this limit from now on. */
  get(name: string, limit: BucketLimit, now: number): TokenBucket {
    const bucket = this.#buckets.get(name);
    if (!bucket) return this.#add(name, limit, now);
    const { rate, burst } = bucket.limit;
    if (rate !== limit.rate || burst !== limit.burst) bucket.change(limit, now);
    return bucket;
  }

  /** With the limit that it has, or else this one. */
  peek(name: string, limit: BucketLimit, now: number): TokenBucket {
    return this.#buckets.get(name) ?? this.#add(name, limit, now);
  }

  #add(name: string, limit: BucketLimit, now: number): TokenBucket {
    if (this.#buckets.size >= this.#most) this.#makeRoom(now);
    const bucket = new TokenBucket(limit, now);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Those that are full go; when none is, the fullest, which lose least of what they know. */
  #makeRoom(now: number): void {
    for (const [name, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(name);
    if (this.#buckets.size < this.#most) return;
    const fill = (bucket: TokenBucket): number => bucket.left(now) / bucket.limit.burst;
    const fullest = [...this.#buckets].sort(([, a], [, b]) => fill(b) - fill(a));
    for (const [name] of fullest.slice(0, Math.ceil(this.#most * droppedShare))) this.#buckets.delete(name);
  }
}
