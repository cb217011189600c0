import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Canaries, formsOf } from './canary-search.ts';

const secret = `canary "4f1c" & <é> ${randomBytes(6).toString('hex')}`;
const canaries = new Canaries();
canaries.add('secret', secret);
canaries.add('other', 'abcdefghijklmnop');

const hidden: [how: string, text: (given: string) => string][] = [
  ['as it is', (given) => given],
  ['in JSON', (given) => JSON.stringify({ a: [given] })],
  ['in JSON in JSON', (given) => JSON.stringify({ a: JSON.stringify({ b: given }) })],
  ['in what a terminal shows', (given) => inspect({ a: given })],
  ['in an address', (given) => `https://x/?a=${encodeURIComponent(given)}&b`],
  ['in a form', (given) => new URLSearchParams({ a: given }).toString()],
  [
    'in a page',
    (given) => `<b>${given.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')}</b>`,
  ],
  ['in hexadecimal digits', (given) => Buffer.from(given).toString('hex')],
  ['with its beginning cut off', (given) => given.slice(10)],
  ['with its end cut off', (given) => given.slice(0, -10)],
  ...[0, 1, 2, 3, 4, 5].flatMap((before): [string, (given: string) => string][] => [
    [
      `in base64 behind ${before} bytes`,
      (given) => Buffer.from(`${'x'.repeat(before)}${given}:y`).toString('base64'),
    ],
    [
      `in base64url behind ${before} bytes`,
      (given) => Buffer.from(`${'x'.repeat(before)}${given}`).toString('base64url'),
    ],
  ]),
];

describe('the search for secrets', () => {
  it.each(hidden)('finds one %s, and says which', (_, write) => {
    const text = `{"level":"info"} ${write(secret)} and more`;
    expect(canaries.in(text)).toContainEqual(expect.stringMatching(/^secret \(/));
    expect(canaries.in(Buffer.from(text))).not.toContainEqual(expect.stringMatching(/^other/));
  });

  it('finds nothing in anything else', () => {
    expect(canaries.in(`${randomBytes(4_096).toString('base64')} canary abcdefg`)).toEqual([]);
    expect([...formsOf('abcdefghijklmnop').values()]).not.toContain('');
    expect(() => canaries.add('short', 'abc')).toThrow('short has 3 characters');
  });
});
