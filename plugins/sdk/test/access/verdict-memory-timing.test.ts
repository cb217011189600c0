import { beforeAll, describe, expect, it } from 'vitest';
import { createKey, createSecret, hashSecret } from '../../src/access/key.ts';
import { VerdictMemory } from '../../src/access/verdict-memory.ts';
import { measure, middleT, surelyDifferent } from '../../src/testing.ts';

const samples = 10_000;
const { prefix, secret } = createKey();
const { prefix: other } = createKey();
const hash = hashSecret(secret);
const memory = new VerdictMemory(100);
memory.add(prefix, {
  hash,
  principal: { prefix, name: 'for a test', owner: '', scopes: ['read'], broker: false, revision: 0 },
  askedAt: 0,
});

/** An id of ten characters, and a hash. */
const inputs = {
  right: () => prefix + hash,
  nearlyRight: () => `${prefix}${hash.slice(0, 63)}${hash.endsWith('0') ? '1' : '0'}`,
  wrong: () => prefix + hashSecret(createSecret()),
  ofNoKey: () => other + hashSecret(createSecret()),
};
const find = (input: string): unknown => memory.find(input.slice(0, 10), input.slice(10));

describe('the time in which something is found in the memory of verdicts', () => {
  // Whether there is such a prefix, which is no secret, a map cannot hide: it compares what it has found.
  // A process that has run for a while has seen all kinds, and is compiled for all of them.
  beforeAll(() => measure({ samples, inputs: { a: inputs.right, b: inputs.ofNoKey }, work: find }));

  it.each([
    ['a right secret and a wrong one', { a: inputs.right, b: inputs.wrong }],
    [
      'a secret that is wrong at its end and one that is wrong everywhere',
      { a: inputs.nearlyRight, b: inputs.wrong },
    ],
  ])('does not tell %s apart', async (_, pair) => {
    expect(await middleT({ samples, inputs: pair, work: find })).toBeLessThan(surelyDifferent);
  });
});
