import { describe, expect, it } from 'vitest';
import type { StringStorage } from '../../src/lib/owned-entries.ts';
import { mayHoldSecret } from '../../src/lib/runs/payload-secrets.ts';
import { RunHistory, type PastRun } from '../../src/lib/runs/run-history.ts';

function memory(): StringStorage & { entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    get length() {
      return entries.size;
    },
    key: (i) => [...entries.keys()][i] ?? null,
    getItem: (key) => entries.get(key) ?? null,
    removeItem: (key) => void entries.delete(key),
    setItem: (key, value) => void entries.set(key, value),
  };
}

const run = (id: string, part: Partial<PastRun> = {}): PastRun => ({
  id,
  at: 1,
  capability: 'say',
  payload: '{"n": 1.0}',
  summary: { kind: 'done', durationMs: 2, status: 200 },
  ...part,
});

describe('past runs', () => {
  it('come back after a reload, the latest first, each for its plugin', () => {
    const storage = memory();
    const history = new RunHistory({ open: () => storage });
    history.add('echo', run('a'));
    history.add('echo', run('b', { capability: 'other' }));
    history.add('tally', run('c'));
    expect(new RunHistory({ open: () => storage }).read('echo')).toEqual([
      run('b', { capability: 'other' }),
      run('a'),
    ]);
  });

  it('are bounded: in number, in the length of a payload, and all together', () => {
    const storage = memory();
    const history = new RunHistory({ open: () => storage, runsMost: 2, longest: 20, most: 700 });
    for (const id of ['a', 'b', 'c']) history.add('echo', run(id));
    history.add('echo', run('d', { capability: 'other' }));
    expect(history.read('echo').map(({ id }) => id)).toEqual(['d', 'c', 'b']);
    const { payload: _, ...rest } = run('e');
    expect(history.add('tally', run('e', { payload: `"${'x'.repeat(20)}"` }))[0]).toEqual({
      ...rest,
      withheld: 'long',
    });
    for (const id of ['f', 'g', 'h', 'i']) history.add('forms', run(id, { capability: id }));
    expect([history.read('echo'), history.read('forms').length]).toEqual([[], 4]);
  });

  it('are gone for somebody else, and when somebody signs out', () => {
    const storage = memory();
    const history = new RunHistory({ open: () => storage });
    history.keepFor('Kone');
    history.add('echo', run('a'));
    history.keepFor('Kone');
    expect(history.read('echo')).toHaveLength(1);
    history.keepFor('Ktwo');
    expect(history.read('echo')).toEqual([]);
    history.add('echo', run('b'));
    history.clear();
    expect(history.read('echo')).toEqual([]);
  });

  it('are none where the browser keeps nothing, or something else stands there', () => {
    const refusing = () => {
      throw new DOMException('no', 'SecurityError');
    };
    const history = new RunHistory({ open: refusing });
    expect(history.add('echo', run('a'))).toEqual([run('a')]);
    expect(history.read('echo')).toEqual([]);
    const storage = memory();
    for (const value of ['{', '[1]', '[1,[{"id":"a"},null]]', '{"a":1}']) {
      storage.setItem('bkg.runs/echo', value);
      expect(new RunHistory({ open: () => storage }).read('echo'), value).toEqual([]);
    }
  });

  it('forget those of one capability', () => {
    const history = new RunHistory({ open: memory });
    const storage = memory();
    const kept = new RunHistory({ open: () => storage });
    kept.add('echo', run('a'));
    kept.add('echo', run('b', { capability: 'other' }));
    expect(kept.forget('echo', 'say').map(({ id }) => id)).toEqual(['b']);
    expect(history.forget('echo', 'say')).toEqual([]);
  });
});

describe('a payload that may hold a secret', () => {
  it.for([
    ['{"password": "x"}', {}],
    ['{"a": [{"apiKey": "x"}]}', {}],
    ['{"access_token": "x"}', {}],
    ['{"token": "x"}', {}],
    ['{"x-api-key": "x"}', {}],
    ['{"pass\\u0077ord": "x"}', {}],
    [`{"text": "bkg_Kabcdefghi_${'a2'.repeat(20)}"}`, {}],
    ['{"pin": "1234"}', { properties: { pin: { type: 'string', writeOnly: true } } }],
    ['{"pin": "1234"}', { $defs: { a: { anyOf: [{ format: 'password' }] } } }],
  ] as const)('is known by its names, its looks or its schema: %j', ([json, schema]) => {
    expect(mayHoldSecret(json, schema)).toBe(true);
  });

  it.for([
    '{"key": "a", "max_tokens": 5, "author": "x"}',
    '{"text": "my password is long"}',
    '[1, "secret"]',
    '{',
  ])('is not every payload: %j', (json) => {
    expect(mayHoldSecret(json, { properties: { text: { type: 'string' } } })).toBe(false);
  });
});
