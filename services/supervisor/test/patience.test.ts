import { describe, expect, it } from 'vitest';
import { isToBeAsked } from '../src/patience.ts';
import { expected } from '../src/sighting.ts';
import type { Sighting } from '../src/sighting.ts';
import { defaultTimings } from '../src/timings.ts';

const usual = { timings: defaultTimings, pollEveryMs: 10_000, isManaged: true, isUnheard: false };
/** Heard last at 1,000 s. */
const speaking: Sighting = {
  ...expected({ instance: 'i', status: 'running', version: '1.0.0', speaks: true }, 1_000_000),
  beatMs: 40_000,
};

/** After how long a quiet one is asked for the first time, in ms. */
function askedAfterMs(sighting: Sighting, circumstances: Partial<typeof usual> = {}): number {
  for (let ms = 0; ms < 1_000_000; ms += 100)
    if (isToBeAsked(sighting, { ...usual, ...circumstances }, sighting.heardAt + ms)) return ms;
  return Infinity;
}

describe('an instance of our own', () => {
  it.each([500, 2_000, 8_000, 40_000, 120_000])('that beats every %i ms is asked in time', (beatMs) => {
    const { quietAnswerMs, heartbeatMs, registryEveryMs, quietMs } = defaultTimings;
    const askedMs = askedAfterMs({ ...speaking, beatMs });
    expect(askedMs).toBe(quietMs);
    // Until the next look, until it has not answered, and until that stands in the registry.
    expect(askedMs + heartbeatMs / 4 + quietAnswerMs + registryEveryMs).toBeLessThan(10_000);
  });

  it('is not asked between two heartbeats that are as often as usual', () => {
    expect(askedAfterMs({ ...speaking, beatMs: defaultTimings.heartbeatMs })).toBeGreaterThan(
      defaultTimings.heartbeatMs * 1.1,
    );
  });

  it('that starts and has said nothing is asked at once, and again soon', () => {
    const isUnheard = { ...usual, isUnheard: true };
    const unheard = { ...speaking, speaks: false, heardAt: 10_000, askedAt: 10_000 };
    expect(isToBeAsked({ ...unheard, askedAt: 0 }, isUnheard, 10_000)).toBe(true);
    expect(isToBeAsked(unheard, isUnheard, 10_400)).toBe(false);
    expect(isToBeAsked(unheard, isUnheard, 10_500)).toBe(true);
  });

  it('that is silent is asked as often: it may come back', () => {
    const silent = { ...speaking, heardAt: 1_000, silentSince: 9_000, askedAt: 8_000 };
    expect(isToBeAsked(silent, usual, 11_400)).toBe(false);
    expect(isToBeAsked(silent, usual, 11_500)).toBe(true);
    const others = { ...usual, isManaged: false };
    const isAsked = (at: number) => isToBeAsked({ ...silent, beatMs: 500 }, others, at);
    expect([isAsked(17_900), isAsked(18_000)]).toEqual([false, true]);
  });
});

it('somebody else’s instance is asked when it has missed three heartbeats', () => {
  expect(askedAfterMs(speaking, { isManaged: false })).toBe(136_000);
  expect(askedAfterMs({ ...speaking, beatMs: 2_000 }, { isManaged: false })).toBe(6_800);
});

it('one without events is asked when it was not polled', () => {
  expect(askedAfterMs({ ...speaking, speaks: false }, { pollEveryMs: 2_000 })).toBe(2_500);
});
