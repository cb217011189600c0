import { beforeAll, describe, expect, it } from 'vitest';
import { createSecret, hashSecret } from '@bkg/sdk/access';
import { measure, middleT, surelyDifferent } from '@bkg/sdk/testing';
import { matchSecret } from '../src/secret.ts';

const samples = 10_000;
const now = Date.now();
const record = { hash: hashSecret(createSecret()) };

/** A hash, and which of these it is shown for: looked up in the same way for each kind. */
const records = [undefined, record];
const inputs = {
  right: () => `${record.hash}1`,
  nearlyRight: () => `${record.hash.slice(0, 63)}${record.hash.endsWith('0') ? '1' : '0'}1`,
  wrong: () => `${hashSecret(createSecret())}1`,
  ofNoKey: () => `${hashSecret(createSecret())}0`,
};

describe('the time of a comparison', () => {
  const match = (input: string): unknown =>
    matchSecret(records[input.charCodeAt(64) & 1], input.slice(0, 64), now);

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
    expect(await middleT({ samples, inputs: pair, work: match })).toBeLessThan(surelyDifferent);
  });

  it('would tell them apart if it ended at the first difference, which this test would see', async () => {
    const leaky = (input: string): number => {
      let place = 0;
      while (place < 64 && input.charCodeAt(place) === record.hash.charCodeAt(place)) place += 1;
      return place;
    };
    const pair = { a: inputs.nearlyRight, b: inputs.wrong };
    expect(await middleT({ samples, inputs: pair, work: leaky })).toBeGreaterThan(surelyDifferent);
  });
});
