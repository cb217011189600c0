import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../src/client/fifo.ts';
import { collectGarbage } from '../collect-garbage.ts';

function filled(count: number): Fifo<number> {
  const fifo = new Fifo<number>();
  for (let i = 0; i < count; i += 1) fifo.push(i);
  return fifo;
}

describe('Fifo', () => {
  it('gives out in the order of coming, however many wait and come between', () => {
    const fifo = filled(5_000);
    let next = 5_000;
    for (let i = 0; i < 20_000; i += 1) {
      expect(fifo.shift()).toBe(i);
      // Now and then it is nearly empty.
      if (fifo.size < 3) for (let n = 0; n < i % 3_000; n += 1) fifo.push((next += 1) - 1);
      if (fifo.size === 0) fifo.push((next += 1) - 1);
    }
    expect(fifo.size).toBe(next - 20_000);
  });

  it('is empty when all are out', () => {
    const fifo = filled(2);
    expect([fifo.shift(), fifo.shift(), fifo.shift(), fifo.size]).toEqual([0, 1, undefined, 0]);
    fifo.push(7);
    expect([...fifo]).toEqual([7]);
    fifo.clear();
    expect([fifo.shift(), fifo.size]).toEqual([undefined, 0]);
  });

  it('takes out from between', () => {
    const fifo = filled(6);
    fifo.shift();
    fifo.removeIf((item) => item % 2 === 0);
    expect([...fifo]).toEqual([1, 3, 5]);
    expect(fifo.shift()).toBe(1);
  });

  it('lets go of what is out, although others wait', async () => {
    const fifo = new Fifo<object>();
    const seen = [0, 1, 2].map(() => {
      const item = {};
      fifo.push(item);
      return new WeakRef(item);
    });
    fifo.shift();
    // What a WeakRef was made of stays until the turn is over.
    await delay(0);
    collectGarbage();
    expect(seen.map((one) => one.deref() === undefined)).toEqual([true, false, false]);
    expect(fifo.size).toBe(2);
  });
});
