import { describe, expect, it } from 'vitest';
import { ByteRing } from '../src/byte-ring.ts';
import { createRandom } from '../src/testing/random.ts';

describe('a ring of bytes', () => {
  it('gives back what was put into it, as bytes', () => {
    const ring = new ByteRing(3, 100);
    ring.push('ä😀');
    ring.push(Uint8Array.of(1, 2));
    ring.push('');
    expect([0, 1, 2].map((slot) => ring.get(slot))).toEqual([
      Buffer.from('ä😀'),
      Buffer.of(1, 2),
      Buffer.alloc(0),
    ]);
  });

  it('gives a copy, which nobody writes over', () => {
    const ring = new ByteRing(2, 4);
    ring.push('abcd');
    const copy = ring.get(0);
    ring.push('efgh');
    expect([copy, ring.get(0), ring.get(1)]).toEqual([Buffer.from('abcd'), undefined, Buffer.from('efgh')]);
  });

  it('has nothing in the slot of what was not there or was too large, and loses nothing for it', () => {
    const ring = new ByteRing(3, 4);
    ring.push('abcd');
    ring.push('abcde');
    ring.push(undefined);
    expect([0, 1, 2, 3].map((slot) => ring.get(slot))).toEqual([
      Buffer.from('abcd'),
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('keeps the latest, whatever their lengths: at least half of its bytes, and none that is wrong', () => {
    const random = createRandom(1);
    for (let round = 0; round < 200; round += 1) {
      const slots = 1 + random.below(12);
      const mostBytes = 8 + random.below(200);
      const ring = new ByteRing(slots, mostBytes);
      const last: (string | undefined)[] = [];
      for (let i = 0; i < 100; i += 1) {
        const data = random.below(8) === 0 ? undefined : String(i).repeat(random.below(mostBytes / 4));
        last.unshift(data);
        ring.push(data);
        let latest = 0;
        for (const [age, text] of last.slice(0, slots).entries()) {
          const slot = (i - age) % slots;
          const found = ring.get(slot)?.toString();
          if (found !== undefined) expect(found).toBe(text);
          // An empty one takes a byte, and the end of the block is left when one does not fit there.
          latest += Math.max(1, text?.length ?? 0);
          if (latest <= mostBytes / 2) expect(found).toBe(text);
        }
      }
    }
  });
});
