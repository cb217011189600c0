import { describe, expect, it } from 'vitest';
import { Body } from '../../src/stream/body.ts';

function of(...texts: string[]): Body {
  const pieces = (async function* () {
    for (const text of texts) yield await Promise.resolve(Buffer.from(text, 'latin1'));
  })();
  return new Body({ contentType: 'text/plain', sizeBytes: undefined, pieces });
}

describe('a body', () => {
  it('is read piece by piece, as a whole, or as JSON', async () => {
    expect(await Array.fromAsync(of('ab', 'c'), (piece) => Buffer.from(piece).toString())).toEqual([
      'ab',
      'c',
    ]);
    expect(Buffer.from(await of('ab', 'c').bytes()).toString()).toBe('abc');
    expect(await of().bytes()).toHaveLength(0);
    // é in two pieces.
    expect(await of('"\xc3', '\xa9"').json()).toBe('é');
    await expect(of('\xff').json()).rejects.toThrow('it is not UTF-8');
  });

  it('comes once', async () => {
    const body = Body.of(Buffer.from('{}'), 'application/json');
    expect([body.sizeBytes, body.contentType, await body.json()]).toEqual([2, 'application/json', {}]);
    await expect(body.bytes()).rejects.toThrow('This body was read already; it comes once.');
  });
});
