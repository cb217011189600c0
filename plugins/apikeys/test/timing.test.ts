import { beforeAll, describe, expect, it } from 'vitest';
import { createSecret, hashSecret } from '@bkg/sdk/access';
import { matchSecret } from '../src/secret.ts';
import { leastT, measure, surelyDifferent, welchT } from './timing.ts';

const samples = 10_000;
const now = Date.now();
const record = { hash: hashSecret(createSecret()) };

/** A hash, and which of these it is shown for. */
const records = { n: undefined, r: record };
const inputs = {
  right: () => `${record.hash}r`,
  nearlyRight: () => `${record.hash.slice(0, 63)}${record.hash.endsWith('0') ? '1' : '0'}r`,
  wrong: () => `${hashSecret(createSecret())}r`,
  ofNoKey: () => `${hashSecret(createSecret())}n`,
};

describe('the time of a comparison', () => {
  const match = (input: string): unknown =>
    matchSecret(records[input[64] as 'n' | 'r'], input.slice(0, 64), now);

  // A process that has run for a while has seen all kinds, and is compiled for all of them.
  beforeAll(() => measure({ samples, inputs: { a: inputs.right, b: inputs.ofNoKey }, work: match }));

  it.each([
    ['a right secret and a wrong one', { a: inputs.right, b: inputs.wrong }],
    [
      'a secret that is wrong at its end and one that is wrong everywhere',
      { a: inputs.nearlyRight, b: inputs.wrong },
    ],
    ['a wrong secret and the prefix of no key', { a: inputs.wrong, b: inputs.ofNoKey }],
  ])('does not tell %s apart', async (_, pair) => {
    expect(await leastT({ samples, inputs: pair, work: match })).toBeLessThan(surelyDifferent);
  });

  it('would tell them apart if it ended at the first difference, which this test would see', async () => {
    const leaky = (input: string): number => {
      let place = 0;
      while (place < 64 && input.charCodeAt(place) === record.hash.charCodeAt(place)) place += 1;
      return place;
    };
    const pair = { a: inputs.nearlyRight, b: inputs.wrong };
    expect(await leastT({ samples, inputs: pair, work: leaky })).toBeGreaterThan(surelyDifferent);
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
