import { expect, it } from 'vitest';
import { heartbeatEveryMs } from '../src/heartbeat-pace.ts';

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
