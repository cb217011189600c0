import { describe, expect, it } from 'vitest';
import { ChunkList } from '../../src/lib/stream/chunk-list.ts';
import { ChunkRate } from '../../src/lib/stream/chunk-rate.ts';

function listOf(chunks: readonly string[], options = {}): ChunkList {
  const list = new ChunkList(options);
  for (const chunk of chunks) list.add(chunk);
  return list;
}

describe('the chunks of a stream', () => {
  it('are one text when each is a text, or an object with one in the same place', () => {
    expect(listOf(['"Guten "', '"Morgen"']).text(100)).toEqual({ text: 'Guten Morgen', isWhole: true });
    const tokens = listOf(['{"i": 0, "text": "a\\n"}', '{"i": 1, "text": "b"}']);
    expect([tokens.isText, tokens.text(100).text]).toEqual([true, 'a\nb']);
  });

  it.for([
    [['"a"', '1']],
    [['{"a": "x", "b": "y"}']],
    [['{"a": "x"}', '{"b": "y"}']],
    [['"a"', '{"a": "x"}']],
    [['1', '"a"']],
    [['[]']],
  ])('are no text when it is not so: %j', ([chunks]) => {
    expect(listOf(chunks ?? []).isText).toBe(false);
  });

  it('stay as the plugin wrote them', () => {
    const list = listOf(['12345678901234567890', '{"n": 1.0}']);
    expect(list.latest(2).map(({ json }) => json)).toEqual(['12345678901234567890', '{"n": 1.0}']);
    expect(list.lines()).toBe('12345678901234567890\n{"n": 1.0}\n');
  });

  it('are all counted, and the latest kept', () => {
    const numbers = Array.from({ length: 25_000 }, (_, i) => String(i));
    const list = listOf(numbers, { chunksMost: 100 });
    expect([list.count, list.dropped]).toEqual([25_000, 24_900]);
    expect(list.latest(2)).toEqual([
      { seq: 24_998, json: '24998' },
      { seq: 24_999, json: '24999' },
    ]);
    expect(list.latest(Infinity)).toHaveLength(100);
  });

  it('are kept up to a number of characters, and the latest however long it is', () => {
    const list = listOf(['"aaaa"', '"bbbb"', `"${'c'.repeat(50)}"`], { charactersMost: 20 });
    expect(list.latest(Infinity).map(({ seq }) => seq)).toEqual([2]);
    expect(list.text(1_000)).toEqual({ text: 'c'.repeat(50), isWhole: false });
  });

  it('show the end of a long text, and no half of a character', () => {
    const list = listOf(['"ab🦜"', '"cd"']);
    expect(list.text(4)).toEqual({ text: '🦜cd', isWhole: false });
    expect(list.text(3)).toEqual({ text: 'cd', isWhole: false });
    expect(list.text(6)).toEqual({ text: 'ab🦜cd', isWhole: true });
  });
});

it('the rate is that of the last two seconds', () => {
  const rate = new ChunkRate();
  expect(rate.tell(0, 0)).toBeUndefined();
  expect(rate.tell(100, 1_000)).toBe(100);
  expect(rate.tell(100, 2_000)).toBe(50);
  for (const at of [3_000, 4_000, 5_000]) rate.tell(100, at);
  expect(rate.tell(100, 6_000)).toBe(0);
});
