import { describe, expect, it } from 'vitest';
import { failuresMost, planRestart } from '../src/restart-policy.ts';

const policy = { firstMs: 500, mostMs: 4_000, steadyMs: 60_000 };
const evenly = () => 0.5;

describe('the wait before a restart', () => {
  it('doubles with each failure in a row, up to a bound', () => {
    const waits = [0, 1, 2, 3, 4].map((before) => planRestart(before, 0, policy, evenly).waitMs);
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
  });

  it('is jittered by half', () => {
    expect(planRestart(0, 0, policy, () => 0).waitMs).toBe(250);
    expect(planRestart(0, 0, policy, () => 0.999).waitMs).toBe(750);
  });

  it('begins anew after a steady run', () => {
    expect(planRestart(4, 60_000, policy, evenly)).toEqual({ failures: 1, waitMs: 500 });
    expect(planRestart(4, 59_999, policy, evenly).failures).toBe(5);
  });

  it('has no end in a crash loop', () => {
    expect(planRestart(failuresMost - 2, 0, policy).waitMs).toBeLessThan(Infinity);
    expect(planRestart(failuresMost - 1, 0, policy)).toEqual({ failures: failuresMost, waitMs: Infinity });
    expect(planRestart(failuresMost + 5, 60_000, policy, evenly).waitMs).toBe(500);
  });
});
