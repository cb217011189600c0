import { describe, expect, it } from 'vitest';
import { configDefaults, createValidator, schemaOf } from '@bkg/sdk';
import type { ConfigHistory } from '@bkg/sdk';
import { configHistory } from '../src/config/config-history.ts';
import type { StoredConfig } from '../src/desired-state.ts';
import { problemOf } from './mesh.ts';

const stored = (revision: number, more: Partial<StoredConfig> = {}): StoredConfig => ({
  id: 'notes',
  ...configDefaults,
  revision,
  by: 'ana',
  at: '2026-11-24T08:00:00.000Z',
  why: `number ${revision}`,
  ...more,
});
/** Newest first, as they are read. */
const kept = (count: number, more: Partial<StoredConfig> = {}): StoredConfig[] =>
  Array.from({ length: count }, (_, i) => stored(count - i, more));
const ask = (list: StoredConfig[], body: unknown = {}, mostBytes = 1_000_000): Promise<ConfigHistory> =>
  configHistory({ history: async () => list }, 'notes', body, mostBytes);
const numbers = ({ revisions }: ConfigHistory): number[] => revisions.map(({ revision }) => revision);
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('the history of a configuration', () => {
  it('is all that is kept, newest first', async () => {
    const history = await ask(kept(3));
    expect(numbers(history)).toEqual([3, 2, 1]);
    expect(history.truncated).toBeUndefined();
    expect(await ask([])).toEqual({ revisions: [] });
    expect(numbers(await ask(kept(2), undefined))).toEqual([2, 1]);
  });

  it('shows of each what others may see', async () => {
    const { revisions } = await ask([
      stored(2, { version: '1.1.0', from_version: '1.0.0', restores: 1, of_manifest: true }),
      stored(1),
    ]);
    const common = { by: 'ana', at: '2026-11-24T08:00:00.000Z' };
    const config = { id: 'notes', ...configDefaults };
    expect(revisions).toEqual([
      {
        revision: 2,
        version: '1.1.0',
        restores: 1,
        ...common,
        why: 'number 2',
        config: { ...config, revision: 2 },
      },
      { revision: 1, ...common, why: 'number 1', config: { ...config, revision: 1 } },
    ]);
    expect(createValidator(schemaOf('ConfigHistory'))({ revisions })).toEqual([]);
  });

  it('tells of values that are not shown in which revisions they are the same', async () => {
    const env = (API_TOKEN: string, more = {}) => ({ env: { API_TOKEN, MODE: 'x', ...more } });
    const { revisions } = await ask([
      stored(6, env('first', { DB_PASSWORD: 'second' })),
      stored(5, { env: {} }),
      stored(4, env('second')),
      stored(3, env('second')),
      stored(2, env('first')),
    ]);
    expect(revisions.map(({ secrets }) => secrets)).toEqual([
      { API_TOKEN: 2, DB_PASSWORD: 6 },
      undefined,
      { API_TOKEN: 3 },
      { API_TOKEN: 3 },
      { API_TOKEN: 2 },
    ]);
    expect(revisions[0]?.config.env).toEqual({ API_TOKEN: '********', DB_PASSWORD: '********', MODE: 'x' });
    expect(createValidator(schemaOf('ConfigHistory'))({ revisions })).toEqual([]);
    expect(JSON.stringify(revisions)).not.toMatch(/first|second/);
  });

  it('begins before a revision', async () => {
    expect(numbers(await ask(kept(4), { before: 3 }))).toEqual([2, 1]);
    expect(numbers(await ask(kept(4), { before: 100 }))).toEqual([4, 3, 2, 1]);
    expect(numbers(await ask(kept(4), { before: 1 }))).toEqual([]);
    // Where older ones are not kept any more.
    expect(numbers(await ask([stored(9), stored(7)], { before: 8 }))).toEqual([7]);
  });
});

describe('a history that is too large for a message', () => {
  const large = kept(20, { settings: { text: 'ü'.repeat(500) } });

  it('ends where there is no more room, and says so', async () => {
    const whole = await ask(large);
    for (let mostBytes = 3_000; mostBytes < bytesOf(whole); mostBytes += 97) {
      const history = await ask(large, {}, mostBytes);
      expect(history.truncated).toBe(true);
      expect(bytesOf(history)).toBeLessThanOrEqual(mostBytes);
      expect(history.revisions).toEqual(whole.revisions.slice(0, history.revisions.length));
      // One more would not have fitted.
      expect(mostBytes - bytesOf(history)).toBeLessThan(bytesOf(whole.revisions[0]) + 50);
    }
    expect(await ask(large, {}, bytesOf(whole) + 50)).toEqual(whole);
  });

  it('is read to its end by asking again', async () => {
    const seen: number[] = [];
    let history: ConfigHistory | undefined;
    while (!history || history.truncated) {
      history = await ask(large, seen.length === 0 ? {} : { before: seen.at(-1) }, 4_000);
      expect(history.revisions).not.toEqual([]);
      seen.push(...numbers(history));
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i));
  });

  it('has one at least, so that asking again leads on', async () => {
    expect(await ask(large, {}, 10)).toMatchObject({ revisions: [{ revision: 20 }], truncated: true });
    const last = await ask(large, { before: 2 }, 10);
    expect(numbers(last)).toEqual([1]);
    expect(last.truncated).toBeUndefined();
  });
});

it.each([
  [{ before: 0 }, 'before'],
  [{ before: '3' }, 'before'],
  [{ before: 1.5 }, 'before'],
  [{ befor: 3 }, 'befor'],
  [7, 'it '],
  [[], 'it '],
])('a question that does not fit is refused: %j', async (body, named) => {
  const problem = await problemOf(ask(kept(1), body));
  expect(problem).toMatchObject({ code: 'INVALID_PAYLOAD', errors: [expect.anything()] });
  expect(problem.detail).toContain(named);
});
