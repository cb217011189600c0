import { describe, expect, it } from 'vitest';
import { tokenize } from '../src/lib/json-tokens.ts';
import { formatJson } from '../src/lib/json-text.ts';
import { locatePointer, parseTree } from '../src/lib/json-tree.ts';

describe('the tokens of a text', () => {
  it('are the whole text, whatever it holds', () => {
    for (const text of [
      '{"a": [1, 2.5e-3, true]}',
      '{"a" : nul',
      "{'a': 1}",
      '"\\q"',
      '"open\n1',
      '☃ \u0007 "☃"',
      '',
    ]) {
      expect(
        tokenize(text)
          .map(({ start, end }) => text.slice(start, end))
          .join(''),
      ).toBe(text);
    }
  });

  it('tell names from strings, also with space before the colon', () => {
    expect(kindsOf('{"a" \n : "b"}')).toEqual(['punctuation', 'key', 'punctuation', 'string', 'punctuation']);
  });

  it('call what JSON does not know invalid', () => {
    for (const text of ['01', '+1', '.5', '1.', 'NaN', 'undefined', "'a'", '"\\x"', '"tab\there"']) {
      expect(kindsOf(text), text).toContain('invalid');
    }
  });

  it('take a string of megabytes', () => {
    const text = JSON.stringify('x\\"'.repeat(1_000_000));
    expect(kindsOf(text)).toEqual(['string']);
  });
});

describe('formatJson', () => {
  it('keeps every digit and every escape', () => {
    const text = '{"big":9007199254740993,"more":1e400,"exact":0.10,"neg":-0,"esc":"\\u0041\\/"}';
    expect(formatJson(text)).toBe(
      '{\n  "big": 9007199254740993,\n  "more": 1e400,\n  "exact": 0.10,\n  "neg": -0,\n  "esc": "\\u0041\\/"\n}',
    );
  });

  it('changes nothing but white space', () => {
    const text = '{"a":[{"b":[1,2,[]]},{}],"c":"x y"}';
    expect(formatJson(text)?.replaceAll(/\s(?=([^"]*"[^"]*")*[^"]*$)/g, '')).toBe(text);
  });

  it('fills lines with the values of a long list', () => {
    const formatted = formatJson(JSON.stringify({ data: Array.from({ length: 100 }, (_, i) => i) })) ?? '';
    const lines = formatted.split('\n');
    expect(lines.length).toBeLessThan(12);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(64);
    expect(JSON.parse(formatted)).toEqual({ data: Array.from({ length: 100 }, (_, i) => i) });
  });

  it('keeps members that have the same name', () => {
    expect(formatJson('{"a":1,"a":2}')).toBe('{\n  "a": 1,\n  "a": 2\n}');
  });

  it('gives nothing for a text that is no JSON', () => {
    expect(formatJson('{"a":}')).toBeUndefined();
    expect(formatJson('')).toBeUndefined();
  });
});

describe('parseTree', () => {
  it('agrees with the platform on what JSON is', () => {
    const texts = [
      '1',
      '-0',
      '"a"',
      'null',
      '[]',
      '{}',
      '[1,]',
      '{"a":1,}',
      '{"a" 1}',
      '{a:1}',
      '[1 2]',
      '01',
      '1 2',
      '',
      '[',
      '"a',
      '{"a":[{"b":null}]}',
      ' \t\n1\r',
      '[,1]',
      '{"a":1 "b":2}',
      '"\\u00g0"',
      'nul',
      '\u00a01',
    ];
    for (const text of texts) {
      expect(parseTree(text).mistake === undefined, JSON.stringify(text)).toBe(isJson(text));
    }
  });

  it('says where the mistake is and what is missing', () => {
    expect(parseTree('{\n  "a": 1\n  "b": 2\n}').mistake).toMatchObject({
      line: 3,
      column: 3,
      message: 'Expected "," or "}", found "b".',
    });
    expect(parseTree("{'a': 1}").mistake?.message).toContain('double quotes');
    expect(parseTree('{"a": ').mistake?.message).toContain('the text ends here');
  });

  it('refuses a million brackets instead of running out of stack', () => {
    expect(parseTree('['.repeat(1_000_000)).mistake?.message).toContain('levels deep');
  });
});

describe('locatePointer', () => {
  const text = '{"a/b": {"~": [10, {"c": "here"}]}}';
  const at = (pointer: string) => {
    const place = locatePointer(text, pointer);
    return place && text.slice(place.start, place.end);
  };

  it('finds the value that a pointer names', () => {
    expect(at('/a~1b/~0/1/c')).toBe('"here"');
    expect(at('/a~1b/~0/0')).toBe('10');
    expect(at('')).toBe(text);
  });

  it('finds the nearest parent of a member that is missing', () => {
    expect(at('/a~1b/~0/1/missing/deeper')).toBe('{"c": "here"}');
  });
});

function kindsOf(text: string): string[] {
  return tokenize(text)
    .map(({ kind }) => kind)
    .filter((kind) => kind !== 'space');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
