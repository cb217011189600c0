import { beforeAll, describe, expect, it } from 'vitest';
import { createSecret, hashSecret } from '@bkg/sdk/access';
import { measure, middleT, surelyDifferent } from '@bkg/sdk/testing';
import { matchSecret } from '../src/secret.ts';

type Kind = 'right' | 'nearlyRight' | 'wrong' | 'ofNoKey';

/** Two kinds of secret of one key. @param compare with what the key has */
function comparison(a: Kind, b: Kind, compare = match) {
  const record = { hash: hashSecret(createSecret()) };
  const wrongHash = hashSecret(createSecret());
  /** Which of these it is shown for: looked up in the same way for each kind. */
  const records = [undefined, record];
  // A hash, the same every time: what comes again is read faster than what is new.
  const inputs: Record<Kind, () => string> = {
    right: () => `${record.hash}1`,
    nearlyRight: () => `${record.hash.slice(0, 63)}${record.hash.endsWith('0') ? '1' : '0'}1`,
    wrong: () => `${wrongHash}1`,
    ofNoKey: () => `${wrongHash}0`,
  };
  const work = (input: string): unknown => compare(records[input.charCodeAt(64) & 1], input.slice(0, 64));
  return { samples: 10_000, inputs: { a: inputs[a], b: inputs[b] }, work };
}

const now = Date.now();

function match(record: { hash: string } | undefined, hash: string): unknown {
  return matchSecret(record, hash, now);
}

describe('the time of a comparison', () => {
  // A process that has run for a while has seen all kinds, and is compiled for all of them.
  beforeAll(() => measure(comparison('right', 'ofNoKey')));

  it.each<[string, Kind, Kind]>([
    ['a right secret and a wrong one', 'right', 'wrong'],
    ['a secret that is wrong at its end and one that is wrong everywhere', 'nearlyRight', 'wrong'],
    // Once more on a busy machine, where one in a hundred runs of five trials is wrong: a leak is there each time.
  ])('does not tell %s apart', { retry: 1 }, async (_, a, b) => {
    expect(await middleT(() => comparison(a, b))).toBeLessThan(surelyDifferent);
  });

  // Without a comparison for it t is near 500. A prefix is public, so that the nanoseconds between two places in memory,
  // which a t of 4.5 finds in some runs, tell nothing that is secret.
  it('hardly tells a wrong secret and the prefix of no key apart', async () => {
    expect(await middleT(() => comparison('wrong', 'ofNoKey'))).toBeLessThan(30);
  });

  it('would tell them apart if it ended at the first difference, which this test would see', async () => {
    const leaky = (record: { hash: string } | undefined, hash: string): number => {
      let place = 0;
      while (place < 64 && hash.charCodeAt(place) === record?.hash.charCodeAt(place)) place += 1;
      return place;
    };
    expect(await middleT(() => comparison('nearlyRight', 'wrong', leaky))).toBeGreaterThan(surelyDifferent);
  });
});
