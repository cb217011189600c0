import { describe, expect, it } from 'vitest';
import { bucketLimitOf, takeOneOfEach, TokenBucket } from '../src/token-bucket.ts';
import type { BucketLimit } from '../src/token-bucket.ts';
import { createRandom } from './protocol/random.ts';
import type { Random } from './protocol/random.ts';

const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
const limitBy = ({ next, pick }: Random): BucketLimit => ({
  rate: pick([0.01, 0.5, 1, 3, 100, 33_333.3, 1_000_000]) * (0.5 + next()),
  burst: Math.max(1, pick([1, 2, 10, 1_000, 1_000_000]) * (0.5 + next())),
});
/** Times between questions: many in one moment, some close, some after a pause. */
const stepBy = ({ next, pick }: Random): number => pick([0, 0, 0.01, 0.3, 7, 90, 5_000]) * next();

describe('a token bucket', () => {
  it('lets no more through than its burst and what came back, in any time from any beginning', () => {
    for (const seed of seeds) {
      const random = createRandom(seed);
      const limit = limitBy(random);
      const bucket = new TokenBucket(limit, 0);
      const takenAt: number[] = [];
      let now = 0;
      for (let i = 0; i < 600; i += 1) {
        now += stepBy(random);
        if (bucket.take(1, now)) takenAt.push(now);
      }
      // Of all windows those that begin and end with one that was let through are the tightest.
      for (let from = 0; from < takenAt.length; from += 1) {
        for (let to = from; to < takenAt.length; to += 7) {
          const spanMs = (takenAt[to] ?? 0) - (takenAt[from] ?? 0);
          const most = limit.burst + (spanMs * limit.rate) / 1_000;
          if (to - from + 1 > most + 1e-3) throw new Error(`seed ${seed}: ${to - from + 1} in ${spanMs} ms`);
        }
      }
    }
  });

  it('lets through all that it could when it is always asked', () => {
    for (const seed of seeds) {
      const random = createRandom(seed);
      // What comes back between two questions has room in it.
      const limit = { rate: 5 + 95 * random.next(), burst: 1.1 + 500 * random.next() };
      const bucket = new TokenBucket(limit, 0);
      let taken = 0;
      for (let now = 0; now <= 20_000; now += 1) while (bucket.take(1, now)) taken += 1;
      expect(taken, `seed ${seed}`).toBe(Math.floor(limit.burst + limit.rate * 20 + 1e-6));
    }
  });

  it('has one when the wait that it names is over, and none well before', () => {
    for (const seed of seeds) {
      const random = createRandom(seed);
      const bucket = new TokenBucket(limitBy(random), 0);
      let now = 0;
      for (let i = 0; i < 200; i += 1) {
        now += stepBy(random);
        if (random.below(4) === 0) bucket.spend(random.below(5), now);
        const waitMs = bucket.waitMs(now);
        if (waitMs > 0.01) expect(bucket.take(1, now + waitMs * 0.9), `seed ${seed}`).toBe(false);
        expect(bucket.take(1, now + waitMs), `seed ${seed}`).toBe(true);
        now += waitMs;
      }
    }
  });

  it('keeps what is in it when the limit changes, as far as it holds that', () => {
    for (const seed of seeds) {
      const random = createRandom(seed);
      const bucket = new TokenBucket(limitBy(random), 0);
      let now = 0;
      for (let i = 0; i < 200; i += 1) {
        now += stepBy(random);
        bucket.take(1 + random.below(3), now);
        const before = bucket.left(now);
        const limit = limitBy(random);
        bucket.change(limit, now);
        const floor = -16 * (limit.burst + limit.rate);
        expect(bucket.left(now), `seed ${seed}`).toBe(Math.min(limit.burst, Math.max(floor, before)));
      }
    }
  });

  it('pays what others have spent before it lets anything through, up to a bound', () => {
    const bucket = new TokenBucket({ rate: 10, burst: 5 }, 0);
    bucket.spend(25, 0);
    expect(bucket.left(0)).toBe(-20);
    expect(bucket.waitMs(0)).toBeCloseTo(2_100, 3);
    expect(bucket.take(1, 2_000)).toBe(false);
    expect(bucket.take(1, 2_100)).toBe(true);
    bucket.spend(1e300, 2_100);
    expect(bucket.left(2_100)).toBe(-240);
  });

  it('takes nothing when it has not enough, and never has more than its burst', () => {
    const bucket = new TokenBucket({ rate: 1, burst: 3 }, 0);
    expect(bucket.take(4, 0)).toBe(false);
    expect(bucket.waitMs(0, 4)).toBe(Infinity);
    expect([bucket.left(0), bucket.isFull(0)]).toEqual([3, true]);
    expect(bucket.take(3, 0)).toBe(true);
    expect([bucket.left(0), bucket.isFull(0)]).toEqual([0, false]);
    expect([bucket.left(1e9), bucket.isFull(1e9)]).toEqual([3, true]);
  });

  it('does not mind a clock that goes back', () => {
    const bucket = new TokenBucket({ rate: 1_000, burst: 2 }, 500);
    expect([bucket.take(1, 400), bucket.take(1, 0), bucket.take(1, 100)]).toEqual([true, true, false]);
    expect(bucket.left(500)).toBe(0);
  });
});

describe('buckets that tell each other what they have let through', () => {
  it('let through together what one would, and once more for each other what it did not know of, in any time', () => {
    for (const seed of seeds) {
      const random = createRandom(seed);
      const count = 2 + random.below(4);
      const limit = { rate: 20 + 200 * random.next(), burst: 1 + random.below(60) };
      const everyMs = 100;
      const wayMs = random.below(60);
      const all = Array.from({ length: count }, () => new TokenBucket(limit, 0));
      const untold = all.map(() => 0);
      let told: { from: number; n: number; at: number }[] = [];
      const takenAt: number[] = [];
      for (let now = 0; now < 4_000; now += 1) {
        for (const { from, n } of told.filter(({ at }) => at <= now))
          all.forEach((bucket, to) => to !== from && bucket.spend(n, now));
        told = told.filter(({ at }) => at > now);
        // By spells, so that full buckets and empty ones take their turns.
        const tries = Math.floor(now / 700) % 2 === 0 ? random.below(3) : 0;
        all.forEach((bucket, i) => {
          for (let n = 0; n < tries; n += 1) {
            if (!bucket.take(1, now)) continue;
            takenAt.push(now);
            untold[i] = (untold[i] ?? 0) + 1;
          }
        });
        if (now % everyMs !== 0) continue;
        untold.forEach((n, from) => n > 0 && told.push({ from, n, at: now + wayMs }));
        untold.fill(0);
      }
      const lateSecs = (everyMs + wayMs + 1) / 1_000;
      const beyond = (count - 1) * (limit.burst + limit.rate * lateSecs);
      for (let from = 0; from < takenAt.length; from += 3) {
        for (let to = from; to < takenAt.length; to += 5) {
          const secs = ((takenAt[to] ?? 0) - (takenAt[from] ?? 0)) / 1_000;
          const most = limit.burst + limit.rate * secs + beyond;
          if (to - from + 1 > most + 1e-3) throw new Error(`seed ${seed}: ${to - from + 1} in ${secs} s`);
        }
      }
      // On the long run it is the rate of one, of which whole spells are not used.
      expect(takenAt.length, `seed ${seed}`).toBeGreaterThan(limit.rate);
    }
  });
});

describe('several buckets', () => {
  it('give one token each, or none', () => {
    const [wide, tight, slow] = [
      new TokenBucket({ rate: 1, burst: 9 }, 0),
      new TokenBucket({ rate: 10, burst: 1 }, 0),
      new TokenBucket({ rate: 2, burst: 1 }, 0),
    ];
    expect(takeOneOfEach([wide, tight, slow], 0)).toBeUndefined();
    // The one that takes longest is named.
    expect(takeOneOfEach([wide, tight, slow], 0)).toEqual({ bucket: slow, waitMs: expect.closeTo(500) });
    expect(takeOneOfEach([wide, tight], 0)).toMatchObject({ bucket: tight });
    expect([wide.left(0), tight.left(0), slow.left(0)]).toEqual([8, 0, 0]);
    expect(takeOneOfEach([], 0)).toBeUndefined();
  });
});

describe('the limit of a configuration', () => {
  it('has a burst of a second, at least one', () => {
    expect(bucketLimitOf({ rate_per_second: 40 })).toEqual({ rate: 40, burst: 40 });
    expect(bucketLimitOf({ rate_per_second: 0.2 })).toEqual({ rate: 0.2, burst: 1 });
    expect(bucketLimitOf({ rate_per_second: 40, burst: 3 })).toEqual({ rate: 40, burst: 3 });
  });

  it('can be a share of it, with a burst of at least one', () => {
    expect(bucketLimitOf({ rate_per_second: 40 }, 1 / 4)).toEqual({ rate: 10, burst: 10 });
    expect(bucketLimitOf({ rate_per_second: 40, burst: 2 }, 1 / 4)).toEqual({ rate: 10, burst: 1 });
  });
});
