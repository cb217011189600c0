import { expect, it } from 'vitest';
import { jsonOrUndefined, parseJson, readJson } from '../../src/json.ts';
import { areUnique, equalityText } from '../../src/equal-json.ts';
import { isMultipleOf } from '../../src/decimal.ts';
import { decodeDescriptor } from '../../src/protocol/micro.ts';
import type { BkgError } from '../../src/protocol/errors.ts';
import { decodeJson } from '../../src/problem.ts';
import { createRandom, mutate } from '../../src/testing/random.ts';
import type { Random } from '../../src/testing/random.ts';

const sample = {
  valueOf: 1,
  toString: [0.1, -0, 1e21, null, true, ['', {}]],
  constructor: { a: 'ä😀', b: ['"\\\n', { a: [] }] },
};
const randomText = (random: Random): string => JSON.stringify(mutate(random, mutate(random, sample)));

it('bytes are the value that their text is, or are refused: none make a reader throw anything else', () => {
  let [read, refused] = [0, 0];
  for (let seed = 1; seed <= 5_000; seed += 1) {
    const random = createRandom(seed);
    const bytes = Buffer.from(randomText(random));
    for (let n = random.below(3); n > 0 && bytes.length > 0; n -= 1)
      bytes[random.below(bytes.length)] = random.below(256);
    const value = jsonOrUndefined(bytes);
    if (value === undefined) {
      refused += 1;
      expect(() => parseJson(bytes)).toThrow(Error);
      try {
        decodeJson(bytes);
      } catch (error) {
        expect((error as BkgError).code).toBe('INVALID_PAYLOAD');
      }
    } else {
      read += 1;
      expect(Buffer.from(readJson(bytes).text)).toEqual(bytes);
      expect(decodeJson(bytes)).toEqual(JSON.parse(bytes.toString()));
    }
  }
  expect(Math.min(read, refused)).toBeGreaterThan(500);
});

it('values have the same text for equality when they are equal, and only then', () => {
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const random = createRandom(seed);
    const json = randomText(random);
    const [one, again] = [JSON.parse(json), JSON.parse(json)] as unknown[];
    expect(equalityText(one), json).toBe(equalityText(again));
    expect(areUnique([one, again]), json).toBe(false);
    const other = mutate(random, again);
    // Written with members in order, and numbers apart from what JSON makes of them.
    const isSame = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
    expect(equalityText(one) === equalityText(other), `${json} and ${JSON.stringify(other)}`).toBe(isSame);
    expect(areUnique([one, other]), json).toBe(!isSame);
  }
});

it('whole multiples of what was written in decimals are multiples, and the next decimal is none', () => {
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const { below, pick } = createRandom(seed);
    const places = below(7);
    const [step, times] = [1 + below(999), below(10_000) - 5_000];
    const written = (digits: number): number => Number(`${digits}e-${places}`);
    const where = `${step * times}e-${places} of ${step}e-${places}`;
    expect(isMultipleOf(written(step * times), written(step)), where).toBe(true);
    if (step > 1) expect(isMultipleOf(written(step * times + 1), written(step)), where).toBe(false);
    expect(isMultipleOf(pick([1e308, 1e21, 2 ** 60]), 1)).toBe(true);
  }
});

it('an answer to INFO is a descriptor or is nothing, whatever its schemas are', () => {
  const info = {
    name: 'echo',
    version: '1.0.0',
    metadata: { 'bkg.settings_schema': '{}' },
    endpoints: [{ subject: 'plugin.echo.invoke.a', metadata: { 'bkg.input_schema': '{"type":"object"}' } }],
  };
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const random = createRandom(seed);
    const given = mutate(random, structuredClone(info));
    const schema = randomText(random);
    const answer = JSON.parse(
      JSON.stringify(given).replace(JSON.stringify('{"type":"object"}'), () => JSON.stringify(schema)),
    ) as unknown;
    for (const { input_schema: read } of decodeDescriptor(answer)?.capabilities ?? [])
      expect(typeof read === 'boolean' || (typeof read === 'object' && !Array.isArray(read))).toBe(true);
  }
});

function sorted(value: unknown): unknown {
  if (value === Infinity) return '\u0001';
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  // In pairs: a member called 1 would stand first, and one called __proto__ nowhere.
  return {
    members: Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, sorted(one)]),
  };
}
