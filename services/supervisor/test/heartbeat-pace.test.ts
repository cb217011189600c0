import { expect, it } from 'vitest';
import { heartbeatEveryMs, startingAfter } from '../src/heartbeat-pace.ts';

it.each([
  [0, 2_000],
  [50, 2_000],
  [51, 3_000],
  [500, 20_000],
  [2_000, 80_000],
  [100_000, 120_000],
])('%i instances beat every %i ms', (instances, everyMs) => {
  expect(heartbeatEveryMs(instances, 2_000)).toBe(everyMs);
});

it('from fifty instances on all together beat at most 25 times a second', () => {
  for (let count = 50; count <= 3_000; count += 7)
    expect(count / (heartbeatEveryMs(count, 2_000) / 1_000)).toBeLessThanOrEqual(25);
});

it('who does not obey does not keep others from being told', () => {
  const due = Array.from({ length: 10 }, (_, i) => ({ id: 'p', instance: `i${i}` }));
  const told: string[] = [];
  let last = '';
  for (let look = 0; look < 3; look++) {
    const now = startingAfter(due, last).slice(0, 4);
    told.push(...now.map(({ instance }) => instance));
    last = `p ${now.at(-1)?.instance}`;
  }
  expect(told).toEqual(['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7', 'i8', 'i9', 'i0', 'i1']);
  expect(startingAfter([], last)).toEqual([]);
});
