import { describe, expect, it } from 'vitest';
import { createSecret, hashSecret } from '@bkg/sdk/access';
import { matchSecret } from '../src/secret.ts';
import { leastT, surelyDifferent, welchT } from './timing.ts';
import type { Pair, Trial } from './timing.ts';

const samples = 10_000;
/** In one sample: a single comparison is hardly longer than the clock's own time. */
const repeats = 8;
const now = Date.now();
const record = { hash: hashSecret(createSecret()) };

interface Shown {
  of: typeof record | undefined;
  hash: string;
}

const shown = (of: typeof record | undefined, hash: () => string) => ({
  of,
  hashes: Array.from({ length: samples }, () => Buffer.from(hash(), 'hex')),
});
const random = (): string => hashSecret(createSecret());
const last = record.hash.endsWith('0') ? '1' : '0';

const right = shown(record, () => record.hash);
const nearlyRight = shown(record, () => record.hash.slice(0, 63) + last);
const wrong = shown(record, random);
const ofNoKey = shown(undefined, random);

const slot = Buffer.alloc(32);
const outcomes: unknown[] = Array.from({ length: repeats });

const trial = (inputs: Pair<typeof right>, compare: (input: Shown) => unknown): Trial<Shown> => ({
  samples,
  prepare: (kind, n) => {
    const { of, hashes } = inputs[kind];
    // Each as a new text, as it comes out of a message.
    hashes[n]?.copy(slot);
    return { of, hash: slot.toString('hex') };
  },
  work: (input) => {
    for (let repeat = 0; repeat < repeats; repeat += 1) outcomes[repeat] = compare(input);
  },
});

describe('the time of a comparison', () => {
  const match = ({ of, hash }: Shown): unknown => matchSecret(of, hash, now);

  it.each([
    ['a right secret and a wrong one', { a: right, b: wrong }],
    ['a secret that is wrong at its end and one that is wrong everywhere', { a: nearlyRight, b: wrong }],
    ['a wrong secret and the prefix of no key', { a: wrong, b: ofNoKey }],
  ])('does not tell %s apart', async (_, inputs) => {
    expect(await leastT(trial(inputs, match))).toBeLessThan(surelyDifferent);
  });

  it('would tell them apart if it ended at the first difference, which this test would see', async () => {
    const leaky = ({ hash }: Shown): number => {
      let place = 0;
      while (place < 64 && hash.charCodeAt(place) === record.hash.charCodeAt(place)) place += 1;
      return place;
    };
    expect(await leastT(trial({ a: nearlyRight, b: wrong }, leaky))).toBeGreaterThan(surelyDifferent);
  });
});

describe("Welch's t", () => {
  it('is the distance of two means in standard errors', () => {
    const a = [27.5, 21, 19, 23.6, 17, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19, 21.7, 21.4];
    const b = [27.1, 22, 20.8, 23.4, 23.4, 23.5, 25.8, 22, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4];
    // (mean of a - mean of b) / sqrt(variance of a / 15 + variance of b / 15), by another program.
    expect(welchT(a, b)).toBeCloseTo(-2.852954870171525, 10);
  });
});
