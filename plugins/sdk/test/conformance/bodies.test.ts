import { describe, expect, it } from 'vitest';
import { bodyOf } from '../../src/conformance/bodies.ts';

describe('the body of a message', () => {
  it('is JSON, a text as it is, or empty', () => {
    expect(bodyOf({ body: { a: 'ä' } })).toBe('{"a":"ä"}');
    expect(bodyOf({ text: '{' })).toBe('{');
    expect(bodyOf({})).toBe('');
  });

  it.each<[unknown, string]>([
    [{ ä: 7, b: ['x', 'y'] }, '{"ä":7,"b":["\u00ffx","y"]}'],
    ['', '"\u00ff"'],
    [[7], '[7]\u00ff'],
  ])('is not UTF-8 in one byte when that is wanted: %j', (body, expected) => {
    const bytes = Buffer.from(bodyOf({ body, wrong_byte: true }) as Uint8Array);
    expect(bytes.filter((byte) => byte === 0xff)).toHaveLength(1);
    const [before = '', after = ''] = expected.split('\u00ff');
    expect(bytes).toEqual(Buffer.concat([Buffer.from(before), Buffer.of(0xff), Buffer.from(after)]));
  });
});
