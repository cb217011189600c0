import { describe, expect, it } from 'vitest';
import { blockedForMs, CrashLog } from '../src/crash-log.ts';

const policy = { maxCrashes: 3, windowMs: 60_000 };

describe('the crash log', () => {
  it('blocks a model after three crashes within a minute, until the first of them is a minute ago', () => {
    expect(blockedForMs([], 0, policy)).toBe(0);
    expect(blockedForMs([1_000, 2_000], 3_000, policy)).toBe(0);
    expect(blockedForMs([1_000, 2_000, 3_000], 3_000, policy)).toBe(58_000);
    expect(blockedForMs([1_000, 2_000, 3_000], 60_999, policy)).toBe(1);
    expect(blockedForMs([1_000, 2_000, 3_000], 61_000, policy)).toBe(0);
    expect(blockedForMs([1_000, 50_000, 70_000], 70_000, policy)).toBe(0);
  });

  it('counts each model by itself, and forgets on demand', () => {
    const log = new CrashLog(policy);
    for (const at of [1, 2, 3]) log.record('a', at);
    log.record('b', 4);
    expect(log.blockedForMs('a', 5)).toBeGreaterThan(0);
    expect(log.blockedForMs('b', 5)).toBe(0);
    log.forget('a');
    expect(log.blockedForMs('a', 5)).toBe(0);
  });

  it('goes by the latest crashes when there were many', () => {
    const log = new CrashLog(policy);
    for (const at of [1, 2, 3, 40_000, 50_000]) log.record('a', at);
    expect(log.blockedForMs('a', 60_000)).toBe(3);
    expect(log.blockedForMs('a', 60_003)).toBe(0);
  });
});
