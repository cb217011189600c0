import type { ApiKey } from '@bkg/sdk/protocol';
import { afterEach, expect, it, vi } from 'vitest';

// Runes are words of the compiler; here nobody draws, and values do.
const rune = (value: unknown) => value;
vi.stubGlobal('$state', Object.assign(rune, { raw: rune }));
const { KeyBook } = await import('../../src/lib/access/key-book.svelte.ts');

afterEach(() => {
  vi.unstubAllGlobals();
});

it('keeps a key that was made while the list was on its way', async () => {
  const answers: ((list: unknown[]) => void)[] = [];
  vi.stubGlobal('fetch', () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    answers.push((list) => resolve(Response.json(list)));
    return promise;
  });
  const book = new KeyBook(new AbortController().signal);
  const asked = book.refresh();
  book.put({ prefix: 'Kaaaaaaaaa', name: 'new' } as ApiKey);
  for (const answer of answers) answer([]);
  await asked;
  expect(book.keys.map(({ name }) => name)).toEqual(['new']);

  const again = book.refresh();
  for (const answer of answers) answer([]);
  await again;
  expect(book.keys).toEqual([]);
});
