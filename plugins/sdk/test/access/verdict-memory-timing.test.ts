import { beforeAll, describe, expect, it } from 'vitest';
import { createKey, createSecret, hashSecret } from '../../src/access/key.ts';
import { VerdictMemory } from '../../src/access/verdict-memory.ts';
import { measure, middleT, surelyDifferent } from '../../src/testing.ts';

type Kind = 'right' | 'nearlyRight' | 'wrong' | 'ofNoKey';

/** A memory with one key, of which two kinds of secret are looked up. */
function lookUp(a: Kind, b: Kind) {
  const { prefix, secret } = createKey();
  const { prefix: other } = createKey();
  const hash = hashSecret(secret);
  const wrongHash = hashSecret(createSecret());
  const memory = new VerdictMemory(100);
  memory.add(prefix, {
    hash,
    principal: { prefix, name: 'for a test', owner: '', scopes: ['read'], broker: false, revision: 0 },
    askedAt: 0,
  });
  // An id of ten characters, and a hash. Each is the same every time: what comes again is read faster than what is new.
  const inputs: Record<Kind, () => string> = {
    right: () => prefix + hash,
    nearlyRight: () => `${prefix}${hash.slice(0, 63)}${hash.endsWith('0') ? '1' : '0'}`,
    wrong: () => prefix + wrongHash,
    ofNoKey: () => other + wrongHash,
  };
  const work = (input: string): unknown => memory.find(input.slice(0, 10), input.slice(10));
  return { samples: 10_000, inputs: { a: inputs[a], b: inputs[b] }, work };
}

describe('the time in which something is found in the memory of verdicts', () => {
  // Whether there is such a prefix, which is no secret, a map cannot hide: it compares what it has found.
  // A process that has run for a while has seen all kinds, and is compiled for all of them.
  beforeAll(() => measure(lookUp('right', 'ofNoKey')));

  it.each<[string, Kind, Kind]>([
    ['a right secret and a wrong one', 'right', 'wrong'],
    ['a secret that is wrong at its end and one that is wrong everywhere', 'nearlyRight', 'wrong'],
    // Once more on a busy machine, where one in a hundred runs of five trials is wrong: a leak is there each time.
  ])('does not tell %s apart', { retry: 1 }, async (_, a, b) => {
    expect(await middleT(() => lookUp(a, b))).toBeLessThan(surelyDifferent);
  });
});
