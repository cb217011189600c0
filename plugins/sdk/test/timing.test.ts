import { describe, expect, it } from 'vitest';
import { croppedT, measure, middleOf, welchT } from '../src/testing.ts';

describe("Welch's t", () => {
  it('is the distance of two means in standard errors', () => {
    const a = [27.5, 21, 19, 23.6, 17, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19, 21.7, 21.4];
    const b = [27.1, 22, 20.8, 23.4, 23.4, 23.5, 25.8, 22, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4];
    // (mean of a - mean of b) / sqrt(variance of a / 15 + variance of b / 15), by another program.
    expect(welchT(a, b)).toBeCloseTo(-2.852954870171525, 10);
  });
});

describe('a trial', () => {
  it('has so many samples of each kind, each with another input, in no order', async () => {
    let made = 0;
    const seen: string[] = [];
    const make = (kind: string) => () => kind + String((made += 1)).padStart(5, '0');
    const inputs = { a: make('a'), b: make('b') };
    const { a, b } = await measure({ samples: 500, warmUp: 0, inputs, work: (input) => seen.push(input) });
    expect([a.length, b.length, new Set(seen).size]).toEqual([500, 500, 1_000]);
    const kinds = seen.map(([kind]) => kind).join('');
    // Runs of one kind: of 1,000 in random order there are 500, of two blocks two.
    expect(kinds.match(/a+|b+/g)!.length).toBeGreaterThan(400);
  });

  it('measures a promise to its end', async () => {
    const work = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    const { a, b } = await measure({ samples: 3, warmUp: 0, inputs: { a: () => 'a', b: () => 'b' }, work });
    expect(Math.min(...a, ...b)).toBeGreaterThan(4);
  });

  it('leaves out the slowest of both together', () => {
    const a = [1, 2, 1, 2, 1, 2, 1, 2, 1, 1_000];
    const b = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2];
    expect(Math.abs(croppedT({ a, b }))).toBeLessThan(1);
  });

  it.each([
    ['two of three', [9, 1, 8], 8],
    ['only one of three', [9, 1, 2], 2],
    ['the first two, after which there is no third', [9, 8], 8],
    ['none', [2, 1], 2],
  ])('counts when %s find a difference', async (_, series, found) => {
    const left = [...series];
    expect(await middleOf(() => Promise.resolve(left.shift() ?? NaN), 4.5)).toBe(found);
    expect(left).toEqual([]);
  });
});
