import { describe, expect, it } from 'vitest';
import { jsonOrUndefined, parseJson, readJson } from '../src/json.ts';

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe('JSON as it arrives', () => {
  it('is the value and the very text', () => {
    const text = '{"a": 9007199254740993, "b": "ä€🙂\\u00e4"}';
    expect(readJson(Buffer.from(text))).toEqual({ text, value: JSON.parse(text) as unknown });
  });

  it.each([
    ['a byte of Latin-1', bytes('"', [0xe4], '"')],
    ['a character that is cut off', bytes('"', [0xe2, 0x82], '"')],
    ['half of a pair of surrogates', bytes('"', [0xed, 0xa0, 0x80], '"')],
    ['an overlong slash', bytes('"', [0xc0, 0xaf], '"')],
  ])('is refused with %s in it, and the next is read as ever', (_, wrong) => {
    expect(() => parseJson(wrong)).toThrow('it is not UTF-8');
    expect(parseJson(Buffer.from('"ä"'))).toBe('ä');
  });

  it('is refused with a byte order mark before it, and takes one in a text', () => {
    expect(() => parseJson(bytes([0xef, 0xbb, 0xbf], '{}'))).toThrow('it begins with a byte order mark');
    expect(parseJson(Buffer.from('"\uFEFFa"'))).toBe('\uFEFFa');
  });

  it('is undefined for who takes what is none for nothing', () => {
    expect(jsonOrUndefined(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    for (const wrong of [Buffer.from('{'), bytes('"', [0xe4], '"'), Buffer.alloc(0)])
      expect(jsonOrUndefined(wrong)).toBeUndefined();
  });
});
