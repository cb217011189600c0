import { describe, expect, it } from 'vitest';
import { Answered } from '../src/answered.ts';
import { createRandom } from '../src/testing/random.ts';

const body = (text: string): Uint8Array => Buffer.from(text);
const reply = (text: string) => ({ data: text, headers: undefined });
/** As it comes back. */
const replied = (text: string) => ({ data: Buffer.from(text), headers: undefined });

describe('what was answered', () => {
  it('is known by id, capability and body', () => {
    const answered = new Answered();
    answered.keep('a', 'text.say', body('{}'), reply('1'));
    expect(answered.find('a', 'text.say', body('{}'))).toEqual(replied('1'));
    expect(answered.find('a', 'text.say', body('[]'))).toBe('different');
    expect(answered.find('a', 'text.say', body('{} '))).toBe('different');
    expect(answered.find('a', 'text.hear', body('{}'))).toBe('different');
    expect(answered.find('b', 'text.say', body('{}'))).toBeUndefined();
  });

  it('is known for its time only', () => {
    const answered = new Answered({ forMs: 100 });
    answered.keep('a', 'x', body(''), reply('1'), 1_000);
    expect(answered.find('a', 'x', body(''), 1_100)).toEqual(replied('1'));
    expect(answered.find('a', 'x', body(''), 1_101)).toBeUndefined();
    answered.keep('a', 'x', body(''), reply('2'), 1_200);
    expect(answered.find('a', 'x', body(''), 1_201)).toEqual(replied('2'));
  });

  it('is forgotten when there are too many others, the oldest first', () => {
    const answered = new Answered({ most: 3 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) answered.keep(id, 'x', body(id), reply(id));
    expect(['a', 'b', 'c', 'd', 'e'].map((id) => answered.find(id, 'x', body(id)))).toEqual([
      undefined,
      undefined,
      replied('c'),
      replied('d'),
      replied('e'),
    ]);
  });

  it('stays known without its reply when these are too large together, the oldest first', () => {
    const answered = new Answered({ mostBytes: 10 });
    for (const id of ['a', 'b', 'c', 'd']) answered.keep(id, 'x', body(''), reply(id.repeat(4)));
    expect(['a', 'b', 'c', 'd'].map((id) => answered.find(id, 'x', body('')))).toEqual([
      'gone',
      'gone',
      replied('cccc'),
      replied('dddd'),
    ]);
    answered.keep('e', 'x', body(''), reply('e'.repeat(11)));
    expect(['c', 'd', 'e'].map((id) => answered.find(id, 'x', body('')))).toEqual([
      replied('cccc'),
      replied('dddd'),
      'gone',
    ]);
    answered.keep('f', 'x', body(''), reply('f'.repeat(10)));
    expect(['c', 'd', 'f'].map((id) => answered.find(id, 'x', body('')))).toEqual([
      'gone',
      'gone',
      replied('f'.repeat(10)),
    ]);
  });

  it('is bounded over a long time, whatever comes', () => {
    const answered = new Answered({ most: 50, mostBytes: 1_000 });
    for (let i = 0; i < 5_000; i += 1)
      answered.keep(`${i % 70}`, 'x', body(`${i}`), i % 3 ? reply('x'.repeat(i % 400)) : undefined);
    const known = Array.from({ length: 70 }, (_, i) => {
      const last = 4_999 - ((4_999 - i) % 70);
      return answered.find(`${i}`, 'x', body(`${last}`));
    }).filter((one) => one !== undefined);
    const bytes = known.reduce((sum, one) => sum + (typeof one === 'string' ? 0 : one.data.length), 0);
    expect(known).toHaveLength(50);
    expect(known).not.toContain('different');
    expect(bytes).toBeLessThanOrEqual(1_000);
    expect(bytes).toBeGreaterThan(0);
  });

  it('is what a Map of the latest would say, whatever comes', () => {
    const random = createRandom(3);
    const [most, forMs] = [40, 30];
    const answered = new Answered({ most, forMs });
    const ids = Array.from({ length: 80 }, (_, i) => `${i}`.repeat(1 + (i % 60)).slice(0, 128));
    const kept: { id: string; at: number; text: string }[] = [];
    for (let now = 0; now < 5_000; now += 1) {
      const id = random.pick(ids);
      const last = kept.slice(-most).findLast((one) => one.id === id);
      const isKnown = last !== undefined && now - last.at <= forMs;
      expect(answered.find(id, 'x', body(id), now)).toEqual(isKnown ? replied(last.text) : undefined);
      if (isKnown) continue;
      const text = random.text('abc', 20);
      answered.keep(id, 'x', body(id), reply(text), now);
      kept.push({ id, at: now, text });
    }
  });

  it('keeps bytes as they were', () => {
    const answered = new Answered();
    const data = Uint8Array.of(1, 2, 3);
    answered.keep('a', 'x', body(''), { data, headers: { 'Content-Type': 'image/png' } });
    data.fill(0);
    expect(answered.find('a', 'x', body(''))).toEqual({
      data: Buffer.of(1, 2, 3),
      headers: { 'Content-Type': 'image/png' },
    });
  });
});
