import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OomWatch } from '../src/isolation/oom-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('looks at all instances with one timer, tells once, and rests when there are none', () => {
  const watch = new OomWatch();
  const killed = new Set<string>();
  const told: string[] = [];
  const instances = Array.from({ length: 1_000 }, (_, i) => `i${i}`);
  for (const one of instances)
    watch.watch(
      one,
      () => killed.has(one),
      () => told.push(one),
    );
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([]);
  killed.add('i7').add('i9');
  watch.forget('i9');
  vi.advanceTimersByTime(3_000);
  expect(told).toEqual(['i7']);
  for (const one of instances) watch.forget(one);
  expect(vi.getTimerCount()).toBe(0);
});
