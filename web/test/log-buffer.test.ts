import type { LogRecord } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { LogArrivals } from '../src/lib/log-arrivals.ts';
import { LogBuffer } from '../src/lib/log-buffer.ts';
import { filterRows, filterSearch } from '../src/lib/log-filter.ts';
import type { LogRow } from '../src/lib/log-line.ts';
import { indexOfSeq, rowWindow } from '../src/lib/window.ts';

const record = (message: string, ms: number, more: Partial<LogRecord> = {}): LogRecord => ({
  time: new Date(Date.UTC(2026, 0, 1) + ms).toISOString(),
  level: 'info',
  plugin_id: 'candle',
  instance: 'A',
  message,
  source: 'sdk',
  ...more,
});
const textsOf = (rows: readonly LogRow[]) => rows.map((row) => (row.kind === 'line' ? row.message : 'gap'));

describe('LogBuffer', () => {
  it('keeps the newest rows and counts the others', () => {
    const buffer = new LogBuffer({ most: 10 });
    for (let i = 1; i <= 25; i++) buffer.push(record(`line ${i}`, i));
    expect(textsOf(buffer.rows)).toEqual(Array.from({ length: 10 }, (_, i) => `line ${i + 16}`));
    expect(buffer.evicted).toBe(15);
  });

  it('gives a new list after each line, which is how a page sees the change', () => {
    const buffer = new LogBuffer();
    buffer.push(record('a', 1));
    const before = buffer.rows;
    buffer.push(record('b', 2));
    expect(buffer.rows).not.toBe(before);
    expect(textsOf(before)).toEqual(['a']);
  });

  it('shows no line twice when stored and live lines overlap', () => {
    const buffer = new LogBuffer();
    buffer.push(record('live 1', 30));
    buffer.push(record('live 2', 40));
    const added = buffer.merge([record('old', 10), record('live 1', 30), record('live 2', 40)]);
    expect(added).toBe(1);
    expect(textsOf(buffer.rows)).toEqual(['old', 'live 1', 'live 2']);
  });

  it('fills the gap of a lost connection in order of time', () => {
    const buffer = new LogBuffer();
    buffer.merge([record('a', 1), record('b', 2)]);
    buffer.push(record('e', 5));
    buffer.merge([record('b', 2), record('c', 3), record('d', 4), record('e', 5), record('f', 6)]);
    expect(textsOf(buffer.rows)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('keeps two lines that are really the same', () => {
    const buffer = new LogBuffer();
    buffer.push(record('again', 1));
    buffer.merge([record('again', 1), record('again', 1)]);
    expect(textsOf(buffer.rows)).toEqual(['again', 'again']);
  });

  it('shows once what arrives live after it was read', () => {
    const buffer = new LogBuffer();
    const stored = [record('a', 1), record('b', 2), record('c', 3, { port: 1, host: 'h' })];
    buffer.merge(stored);
    for (const one of stored.slice(0, 2)) buffer.push(one);
    // Whoever wrote it last has its own order of members.
    buffer.push({ host: 'h', port: 1, ...record('c', 3) });
    buffer.push(record('d', 4));
    expect(textsOf(buffer.rows)).toEqual(['a', 'b', 'c', 'd']);
    expect(buffer.evicted).toBe(0);
  });

  it('shows twice what was said twice, in whichever way each came', () => {
    const buffer = new LogBuffer();
    buffer.merge([record('again', 1)]);
    buffer.push(record('again', 1));
    buffer.push(record('again', 1));
    expect(textsOf(buffer.rows)).toEqual(['again', 'again']);
  });

  it('begins with the oldest line that was asked for, though older ones arrive before and after it was read', () => {
    const buffer = new LogBuffer();
    const inOneMs = (message: string) => record(message, 3);
    for (const one of [record('early', 1), inOneMs('a'), inOneMs('b')]) buffer.push(one);
    buffer.begin([inOneMs('b'), record('c', 4)]);
    expect(textsOf(buffer.rows)).toEqual(['b', 'c']);
    expect(buffer.evicted).toBe(0);

    const late = new LogBuffer();
    late.begin([inOneMs('b'), record('c', 4), record('d', 5)]);
    for (const one of [record('early', 2), inOneMs('a'), inOneMs('b'), record('c', 4), record('d', 5)])
      late.push(one);
    late.push(record('e', 6));
    expect(textsOf(late.rows)).toEqual(['b', 'c', 'd', 'e']);
  });

  it('takes an older time for what it is once an instance has come to what was stored, and of another instance', () => {
    const buffer = new LogBuffer();
    buffer.begin([record('c', 3), record('d', 4)]);
    buffer.push(record('of another', 2, { instance: 'B' }));
    buffer.push(record('d', 4));
    buffer.push(record('the clock was put back', 1));
    expect(textsOf(buffer.rows)).toEqual(['c', 'd', 'of another', 'the clock was put back']);

    const live = new LogBuffer();
    live.push(record('d', 4));
    live.begin([record('c', 3), record('d', 4)]);
    live.push(record('the clock was put back', 1));
    expect(textsOf(live.rows)).toEqual(['c', 'd', 'the clock was put back']);
  });

  it('brings back no line that was cleared when its live copy arrives', () => {
    const buffer = new LogBuffer();
    buffer.merge([record('a', 1)]);
    buffer.clear();
    buffer.push(record('a', 1));
    buffer.push(record('b', 2));
    expect(textsOf(buffer.rows)).toEqual(['b']);
  });

  it('brings back no line that was cleared when the store is read again', () => {
    const buffer = new LogBuffer();
    buffer.merge([record('a', 1), record('b', 2)]);
    buffer.clear();
    expect(buffer.newestTime).toBe(record('b', 2).time);
    expect(buffer.merge([record('b', 2), record('c', 3)])).toBe(1);
    expect(textsOf(buffer.rows)).toEqual(['c']);
  });

  it('awaits the copies of as many lines as it keeps, and not of more', () => {
    const arrivals = new LogArrivals(2);
    const stored = [record('a', 1), record('b', 2), record('c', 3)];
    arrivals.await(stored);
    expect(stored.map((one) => arrivals.isNews(one))).toEqual([true, false, false]);
  });

  it('leaves the numbers of rows before those that are read later', () => {
    const buffer = new LogBuffer();
    for (const [message, ms] of [
      ['a', 1],
      ['b', 2],
      ['d', 4],
    ] as const)
      buffer.push(record(message, ms));
    const before = buffer.rows.map(({ seq }) => seq);
    buffer.merge([record('c', 3)]);
    expect(textsOf(buffer.rows)).toEqual(['a', 'b', 'c', 'd']);
    expect(buffer.rows.slice(0, 2).map(({ seq }) => seq)).toEqual(before.slice(0, 2));
  });

  it('rises in number over everything that happens', () => {
    const buffer = new LogBuffer({ most: 20 });
    for (let i = 0; i < 30; i++) buffer.push(record(`l${i}`, 100 + i));
    buffer.pushLoss(7);
    buffer.merge([record('x', 110), record('y', 500)]);
    const seqs = buffer.rows.map(({ seq }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
    expect(buffer.rows).toHaveLength(20);
  });

  it('says how many lines the gateway left out, in their place', () => {
    const buffer = new LogBuffer();
    buffer.push(record('before', 1));
    buffer.pushLoss(1204);
    buffer.push(record('after', 2));
    expect(buffer.lost).toBe(1204);
    expect(buffer.rows[1]).toMatchObject({ kind: 'gap' });
    expect(buffer.rows[1]?.kind === 'gap' && buffer.rows[1].text).toContain('1,204 lines are missing');
  });

  it('writes control characters as escapes', () => {
    const buffer = new LogBuffer();
    buffer.push(record('\u001b[31mred\u001b[0m\nfake line\u202e', 1));
    expect(textsOf(buffer.rows)).toEqual(['\\e[31mred\\e[0m\\nfake line\\u202e']);
  });

  it('shows 8 characters of an invocation id, which is a secret of its caller', () => {
    const buffer = new LogBuffer();
    buffer.push(record('done', 1, { invocation_id: '0123456789abcdef' }));
    expect(buffer.rows[0]).toMatchObject({ invocation: '01234567' });
  });
});

describe('filterRows', () => {
  const buffer = new LogBuffer();
  buffer.push(record('Started', 1));
  buffer.push(record('slow', 2, { level: 'warn', duration_ms: 812 }));
  buffer.pushLoss(3);
  buffer.push(record('failed', 3, { level: 'error', invocation_id: 'feedbeef' }));

  it('shows a level and all above it, and never hides a gap', () => {
    expect(textsOf(filterRows(buffer.rows, { level: 'warn', text: '' }))).toEqual(['slow', 'gap', 'failed']);
  });

  it('finds text in any case, in fields and in invocation ids', () => {
    expect(textsOf(filterRows(buffer.rows, { text: 'STARTED' }))).toEqual(['Started', 'gap']);
    expect(textsOf(filterRows(buffer.rows, { text: '812' }))).toEqual(['slow', 'gap']);
    expect(textsOf(filterRows(buffer.rows, { text: 'feedbe' }))).toEqual(['gap', 'failed']);
  });

  it('finds the lines of an instance by its id, and none by a letter or two of it', () => {
    const two = new LogBuffer();
    two.push(record('one', 1, { instance: 'K3PXYVZ0QW8RT2M1' }));
    two.push(record('two', 2, { instance: 'K3PXYVZ9QW8RT2M1' }));
    expect(textsOf(filterRows(two.rows, { text: 'K3PXYVZ0QW8RT2M1' }))).toEqual(['one']);
    expect(textsOf(filterRows(two.rows, { text: 'k3pxyvz' }))).toEqual([]);
  });

  it('is written into the address', () => {
    expect(filterSearch({ level: 'warn', text: 'a b&c' })).toBe('level=warn&q=a+b%26c');
    expect(filterSearch({ text: '' })).toBe('');
  });
});

describe('the rows that exist', () => {
  it('are those in view and a few around them', () => {
    const place = { height: 200, rowHeight: 20, count: 5_000 };
    expect(rowWindow({ ...place, scrollTop: 0 })).toEqual({ first: 0, end: 20 });
    expect(rowWindow({ ...place, scrollTop: 50_000 })).toEqual({ first: 2_490, end: 2_520 });
    expect(rowWindow({ ...place, scrollTop: 99_800 })).toEqual({ first: 4_980, end: 5_000 });
    expect(rowWindow({ ...place, scrollTop: 99_800, count: 3 })).toEqual({ first: 3, end: 3 });
  });

  it('are found by number', () => {
    const rows = [3, 5, 9].map((seq) => ({ seq }));
    expect([1, 3, 4, 9, 10].map((seq) => indexOfSeq(rows, seq))).toEqual([0, 0, 1, 2, 3]);
  });
});
