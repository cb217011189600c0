import { describe, expect, it } from 'vitest';
import { planRestart } from '../src/up/restart-policy.ts';

describe('a restart', () => {
  const policy = { firstMs: 100, mostMs: 1_000, steadyMs: 60_000 };
  const middle = (): number => 0.5;

  it('waits twice as long after every further ending, up to the most', () => {
    const waits = [0, 1, 2, 3, 4, 40].map((before) => planRestart(before, 10, policy, middle).waitMs);
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('counts the endings in a row, and from the first again after a long life', () => {
    expect(planRestart(0, 10, policy).endings).toBe(1);
    expect(planRestart(6, 59_999, policy).endings).toBe(7);
    expect(planRestart(6, 60_000, policy, middle)).toEqual({ endings: 1, waitMs: 100 });
  });
});
