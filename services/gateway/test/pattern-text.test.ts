import { describe, expect, it } from 'vitest';
import { isPattern } from '../src/openapi/pattern-text.ts';

/** What the language itself says. */
function compiles(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

describe('what a plugin calls a pattern', () => {
  const common = [
    '',
    '^[a-z0-9][a-z0-9_-]{0,62}$',
    String.raw`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`,
    String.raw`^(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$`,
    String.raw`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$`,
    String.raw`^[^@\s]+@[^@\s]+\.[^@\s]{2,}$`,
    String.raw`^https?:\/\/[^/]+/.*$`,
    String.raw`^(?=.*[A-Z])(?!.*\s).{8,}?$`,
    String.raw`(?<year>\d+)-\k<year>|(?<!a)b(?<=b)`,
    String.raw`(a)(b)\2\1`,
    String.raw`^[\w.+\-]+$`,
    String.raw`^[\p{L}\p{Nd}\p{Script=Greek} '-]*$`,
    String.raw`[\u{1F600}-\u{1F64F}]|[\uD83D\uDE00-\uD83D\uDE4F]|\u00e9|\x41|\cJ|\0`,
    '[😀-😎]+|é',
    '[]|[^]',
    String.raw`[\b\t\n-\r]`,
    'a{2}b{2,}c{2,3}?',
    '||',
  ];
  it.each(common)('is one: %j', (text) => {
    expect([compiles(text), isPattern(text)]).toEqual([true, true]);
  });

  const none = [
    '(',
    ')',
    '[',
    'a]',
    'a{',
    'a{2,1}',
    'a**',
    '*',
    '^*',
    '(?=a)*',
    String.raw`\b+`,
    String.raw`\a`,
    String.raw`\-`,
    '\\',
    String.raw`\1`,
    String.raw`\k<a>`,
    '(?<a>x)(?<a>y)',
    String.raw`[\d-z]`,
    '[z-a]',
    String.raw`[\uD83D\uDE4F-\uD83D\uDE00]`,
    String.raw`\u{110000}`,
    String.raw`\p{Nothing}`,
    String.raw`\01`,
    '(?P<a>x)',
  ];
  it.each(none)('is none: %j', (text) => {
    expect([compiles(text), isPattern(text)]).toEqual([false, false]);
  });

  it('is none when it is no text, too long or too deep', () => {
    for (const value of [undefined, null, 1, {}, ['a']]) expect(isPattern(value)).toBe(false);
    expect([isPattern('a'.repeat(4_096)), isPattern('a'.repeat(4_097))]).toEqual([true, false]);
    const deep = (levels: number) => `${'('.repeat(levels)}${')'.repeat(levels)}`;
    expect([isPattern(deep(50)), isPattern(deep(51))]).toEqual([true, false]);
  });

  it('is never one that does not compile, in 50,000 that are made up, and mostly one when it does', () => {
    const pieces = [
      ...[
        'a',
        '0',
        '-',
        '9',
        ',',
        ' ',
        '😀',
        '/',
        '.',
        '^',
        '$',
        '|',
        '*',
        '+',
        '?',
        '{',
        '}',
        '{2}',
        '{1,2}',
      ],
      ...[
        '(',
        ')',
        '(?:',
        '(?=',
        '(?!',
        '(?<=',
        '(?<!',
        '(?<n>',
        '[',
        '[^',
        ']',
        'a-z',
        'z-a',
        '-]',
        '=',
        '<',
        '>',
      ],
      ...[
        '\\',
        '\\d',
        '\\w',
        '\\b',
        '\\B',
        '\\1',
        '\\2',
        '\\k<n>',
        '\\n',
        '\\0',
        '\\-',
        '\\.',
        '\\]',
        '\\c',
        'J',
      ],
      ...['\\x4', '\\x41', '\\u0041', '\\u{41}', '\\uD83D', '\\uDE00', '\\p{L}', '\\P{Lu}', 'u', 'x'],
    ];
    let state = 7;
    const dice = (sides: number): number => {
      state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e37_79b9) >>> 0;
      return (state >>> 8) % sides;
    };
    const seen = { both: 0, compiles: 0 };
    for (let n = 0; n < 50_000; n += 1) {
      const text = Array.from({ length: 1 + dice(6) }, () => pieces[dice(pieces.length)]).join('');
      const [does, is] = [compiles(text), isPattern(text)];
      if (is && !does) expect.fail(`${JSON.stringify(text)} does not compile`);
      if (does) seen.compiles += 1;
      if (does && is) seen.both += 1;
    }
    expect(seen.compiles).toBeGreaterThan(2_500);
    expect(seen.both / seen.compiles).toBeGreaterThan(0.99);
  });

  it('takes no time, whatever it is', () => {
    const hostile = [
      '('.repeat(2_048),
      '(a+)+'.repeat(800),
      '['.repeat(4_096),
      '[a-'.repeat(1_365),
      String.raw`\u{0000`.repeat(580),
      '{1,'.repeat(1_365),
      '{99999'.repeat(680),
      String.raw`(?<a`.repeat(1_024),
      `\\p{${'S'.repeat(4_000)}`,
      `(?<${'a'.repeat(4_000)}`,
    ];
    const from = performance.now();
    for (const text of hostile) isPattern(text);
    expect(performance.now() - from).toBeLessThan(200);
  });
});
