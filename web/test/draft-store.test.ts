import { describe, expect, it } from 'vitest';
import { DraftStore } from '../src/lib/draft-store.ts';
import type { StringStorage } from '../src/lib/owned-entries.ts';
import { noDrafts } from '../src/lib/edit-history.ts';

/** As a browser's, with a quota in characters. */
function memory(quota = Infinity): StringStorage & { entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    get length() {
      return entries.size;
    },
    key: (i) => [...entries.keys()][i] ?? null,
    getItem: (key) => entries.get(key) ?? null,
    removeItem: (key) => void entries.delete(key),
    setItem: (key, value) => {
      const others = [...entries].filter(([name]) => name !== key);
      if (others.reduce((sum, [, { length }]) => sum + length, value.length) > quota)
        throw new DOMException('full', 'QuotaExceededError');
      entries.set(key, value);
    },
  };
}

const version = (text: string) => ({ text, drafts: noDrafts });

describe('the drafts of payloads', () => {
  it('come back as they were, each for its plugin and capability', () => {
    const storage = memory();
    const drafts = new Map([['/a', { text: '[1.0,', base: '1' }]]);
    const store = new DraftStore({ open: () => storage });
    expect(store.write('a', 'b/c', { text: '{"a": 1e400}', drafts })).toBe(true);
    expect(store.write('a/b', 'c', version('2'))).toBe(true);
    const again = new DraftStore({ open: () => storage });
    expect(again.read('a', 'b/c')).toEqual({ text: '{"a": 1e400}', drafts });
    expect(again.read('a/b', 'c')).toEqual(version('2'));
    again.remove('a', 'b/c');
    expect(again.read('a', 'b/c')).toBeUndefined();
  });

  it('are not kept when too long, and neither is what stood there before', () => {
    const storage = memory();
    const bounded = new DraftStore({ open: () => storage, longest: 10 });
    expect(bounded.write('p', 'c', version('short'))).toBe(true);
    expect(bounded.write('p', 'c', version('x'.repeat(11)))).toBe(false);
    expect(bounded.read('p', 'c')).toBeUndefined();
  });

  it('are dropped when there are too many, those first that were left longest ago', () => {
    const storage = memory();
    storage.setItem('others', 'x'.repeat(1_000));
    const store = new DraftStore({ open: () => storage, most: 300 });
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      store.write('p', name, version('x'.repeat(60)));
      const key = `bkg.payload/p/${name}`;
      storage.setItem(key, storage.getItem(key)?.replace(/\d+/, String(1_000 + i)) ?? '');
    }
    store.write('p', 'a', version('y'.repeat(60)));
    store.write('p', 'd', version('x'.repeat(100)));
    expect([...storage.entries.keys()]).toEqual([
      'others',
      'bkg.payload/p/c',
      'bkg.payload/p/a',
      'bkg.payload/p/d',
    ]);
  });

  it('make no trouble where the browser refuses to keep anything, or something else stands there', () => {
    const refusing = new DraftStore({
      open: () => {
        throw new DOMException('no', 'SecurityError');
      },
    });
    expect(refusing.read('p', 'c')).toBeUndefined();
    expect(refusing.write('p', 'c', version('1'))).toBe(false);
    expect(() => refusing.remove('p', 'c')).not.toThrow();
    const full = new DraftStore({ open: () => memory(10) });
    expect(full.write('p', 'c', version('1'))).toBe(false);
    const storage = memory();
    const store = new DraftStore({ open: () => storage });
    for (const value of ['', '{', '{}', '[1]', '[1,2,[]]', 'null', '[1,"x",{}]']) {
      storage.setItem('bkg.payload/p/c', value);
      expect(store.read('p', 'c')).toBeUndefined();
    }
    storage.setItem(
      'bkg.payload/p/c',
      '[1,"x",[null,["/a"],["/a",{"text":1}],["/b",{"text":"[","base":"1"}]]]',
    );
    expect(store.read('p', 'c')?.drafts).toEqual(new Map([['/b', { text: '[', base: '1' }]]));
  });

  it('are gone for another owner, and when somebody signs out; other things of the page stay', () => {
    const storage = memory();
    storage.setItem('bkg-other', 'stays');
    const store = new DraftStore({ open: () => storage });
    store.keepFor('Kabcdefgh2');
    store.write('p', 'c', version('1'));
    store.keepFor('Kabcdefgh2');
    expect(store.read('p', 'c')).toEqual(version('1'));
    store.keepFor('Kzzzzzzzz2');
    expect(store.read('p', 'c')).toBeUndefined();
    store.write('p', 'c', version('2'));
    store.clear();
    expect(store.read('p', 'c')).toBeUndefined();
    expect(storage.getItem('bkg-other')).toBe('stays');
  });
});
