import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../src/byte-budget.ts';

describe('the memory for tensors', () => {
  it('is given to who comes first, and again when it is free', () => {
    const budget = new ByteBudget(1024 ** 2);
    const first = budget.hold(1_000_000);
    expect(() => budget.hold(100_000)).toThrow(
      'no room for tensors of 0.1 MiB: other invocations hold 1.0 MiB of 1.0 MiB, try again shortly',
    );
    first.change(10);
    const second = budget.hold(100_000);
    expect(budget.heldBytes).toBe(100_010);
    first[Symbol.dispose]();
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(budget.heldBytes).toBe(0);
  });

  it('never fits what is larger than all of it', () => {
    expect(() => new ByteBudget(1024 ** 2).hold(1024 ** 2 + 1)).toThrow(
      'the tensors take 1.0 MiB; allowed are 1.0 MiB (the setting max_tensor_mb)',
    );
  });

  it('may be overdrawn by outputs, which are there already, and takes nobody else meanwhile', () => {
    const budget = new ByteBudget(100);
    const hold = budget.hold(10);
    hold.change(200);
    expect(() => budget.hold(0)).toThrow('no room');
    hold[Symbol.dispose]();
    expect(budget.heldBytes).toBe(0);
  });
});
