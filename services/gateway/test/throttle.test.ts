import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Throttle } from '../src/ws/throttle.ts';

let passed: string[];
let everyMs: number;
let throttle: Throttle;

beforeEach(() => {
  vi.useFakeTimers();
  passed = [];
  everyMs = 1_000;
  throttle = new Throttle(
    () => everyMs,
    (key) => passed.push(key),
  );
});
afterEach(() => {
  throttle.close();
  vi.useRealTimers();
});

describe('a throttle', () => {
  it('lets the first through at once and the last of the others when the while is over', () => {
    throttle.hit('a');
    throttle.hit('a');
    throttle.hit('a');
    throttle.hit('b');
    expect(passed).toEqual(['a', 'b']);
    vi.advanceTimersByTime(1_001);
    expect(passed).toEqual(['a', 'b', 'a']);
    vi.advanceTimersByTime(10_000);
    expect(passed).toHaveLength(3);
  });

  it('goes by the while of the moment when that has become shorter, also of one that rests already', () => {
    everyMs = 20_000;
    throttle.hit('a');
    vi.advanceTimersByTime(500);
    everyMs = 1_000;
    throttle.hit('a');
    vi.advanceTimersByTime(490);
    expect(passed).toHaveLength(1);
    vi.advanceTimersByTime(20);
    expect(passed).toHaveLength(2);
    everyMs = 20_000;
    vi.advanceTimersByTime(1_001);
    throttle.hit('a');
    vi.advanceTimersByTime(5_000);
    everyMs = 1_000;
    // Its time is over: at once.
    throttle.hit('a');
    vi.advanceTimersByTime(1);
    expect(passed).toHaveLength(4);
  });

  it('keeps to a while that has become longer from the next time on', () => {
    throttle.hit('a');
    everyMs = 20_000;
    throttle.hit('a');
    vi.advanceTimersByTime(1_001);
    throttle.hit('a');
    vi.advanceTimersByTime(10_000);
    expect(passed).toHaveLength(2);
  });
});
