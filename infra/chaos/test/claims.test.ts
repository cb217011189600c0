import { describe, expect, it } from 'vitest';
import { falseClaims, isKnown, isUndisturbed } from '../claims.ts';
import type { Shown } from '../claims.ts';
import type { Outage } from '../outages.ts';
import type { InstanceTruth } from '../truth.ts';

const outage = (more: Partial<Outage>): Outage => ({
  part: 'supervisor',
  kind: 'stop',
  from: 0,
  faultUntil: more.until ?? Infinity,
  missedAt: -Infinity,
  until: Infinity,
  ...more,
});

describe('what is shown of an instance', () => {
  const shown: Shown = {
    id: 'echo',
    status: 'running',
    instances: [{ instance: 'a', status: 'running' }],
  };
  const onlyAs = (status: Shown['status']): Shown => ({
    id: 'echo',
    status,
    instances: [{ instance: 'a', status }],
  });
  const claimsOf = (
    at: number,
    truth: Partial<InstanceTruth>,
    outages: Outage[] = [],
    plugin: Partial<Shown> = {},
    isAlive = true,
  ): number =>
    falseClaims({ ...shown, ...plugin }, at, {
      truth: new Map([
        ['a', { instance: 'a', plugin: 'echo', seenAt: 0, hung: [], ...truth } as InstanceTruth],
      ]),
      begunAt: -20_000,
      isAlive: () => isAlive,
      outages,
      toleranceMs: () => 0,
    }).length;

  it('must not be "running", "starting" or "stopping" three seconds after its end', () => {
    for (const word of ['running', 'starting', 'stopping'] as const)
      expect([3_999, 4_001].map((at) => claimsOf(at, { goneAt: 1_000 }, [], onlyAs(word)))).toEqual([0, 1]);
    expect(claimsOf(600_000, { goneAt: 1_000 }, [], onlyAs('error'))).toBe(0);
  });

  it('must not be "running" when it has stood still for ten seconds', () => {
    const hung = [{ from: 1_000, until: 16_000 }];
    expect([10_999, 11_001, 16_001].map((at) => claimsOf(at, { hung }))).toEqual([0, 1, 0]);
  });

  it('must not be "error" when it lives, and for ten seconds nothing has been wrong with it', () => {
    const at = [9_999, 10_001];
    const claims = (truth: Partial<InstanceTruth>, outages: Outage[] = [], isAlive = true): number[] =>
      at.map((one) => claimsOf(one, truth, outages, onlyAs('error'), isAlive));
    expect(claims({})).toEqual([0, 1]);
    expect(claims({ hung: [{ from: 100, until: Infinity }] })).toEqual([0, 0]);
    expect(claims({ hung: [{ from: 100, until: 500 }] })).toEqual([0, 0]);
    expect(claims({}, [outage({ from: 100, until: 500 })])).toEqual([0, 0]);
    // It has ended just now, and nobody has noted that yet.
    expect(claims({}, [], false)).toEqual([0, 0]);
  });

  it('must be there ten seconds after its start', () => {
    const others: Partial<Shown> = { instances: [{ instance: 'b', status: 'running' }] };
    expect([9_999, 10_001].map((at) => claimsOf(at, {}, [], others))).toEqual([0, 1]);
    expect(claimsOf(10_001, {}, [], others, false)).toBe(0);
    expect(claimsOf(10_001, { goneAt: 10_000 }, [], others)).toBe(0);
  });

  it('must be one of the five words, and what its instances make of it', () => {
    expect(claimsOf(0, {}, [], { status: 'odd' as Shown['status'] })).toBe(2);
    expect(claimsOf(0, {}, [], { status: 'error' })).toBe(1);
    expect(claimsOf(0, {})).toBe(0);
  });

  it.each([
    ['running', 1],
    ['stopping', 1],
    ['starting', 0],
    ['stopped', 0],
    ['error', 0],
  ] as const)('may be "%s" without an instance: %i flaws', (status, count) => {
    expect(claimsOf(0, {}, [], { status, instances: [] })).toBe(count);
  });
});

describe('while a part is away, what is shown', () => {
  const shown: Shown = { id: 'echo', status: 'running', instances: [{ instance: 'a', status: 'running' }] };
  const truth = {
    instance: 'a',
    plugin: 'echo',
    seenAt: 0,
    hung: [],
    goneAt: 1_000,
  } as unknown as InstanceTruth;
  const claimsAt = (at: number, away: Outage, plugin = shown): number =>
    falseClaims(plugin, at, {
      truth: new Map([['a', truth]]),
      begunAt: -20_000,
      isAlive: () => false,
      outages: [away],
      toleranceMs: () => 0,
    }).length;

  it('has to be marked as unknown, and has its time again from the return', () => {
    const away = outage({ from: 1_500, until: 12_000 });
    expect([7_000, 8_000, 12_500, 15_500].map((at) => claimsAt(at, away))).toEqual([0, 1, 0, 1]);
  });

  it('claims nothing when it is marked as unknown, which it must not be for longer than ten seconds afterwards', () => {
    const unknown = { ...shown, unknown_since: 'then' };
    const away = outage({ from: 1_500, until: 12_000 });
    expect([8_000, 21_999, 22_001].map((at) => claimsAt(at, away, unknown))).toEqual([0, 0, 1]);
    const undisturbed = (at: number): boolean =>
      isUndisturbed(at, { begunAt: -20_000, outages: [away], toleranceMs: () => 0 });
    expect([-11_000, 1_000, 8_000, 21_999, 22_001].map(undisturbed)).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it('is judged when it is known whether the part was back', () => {
    const known = (at: number, away: Partial<Outage>): boolean =>
      isKnown(at, { outages: [outage({ from: 1_500, faultUntil: 9_000, missedAt: 9_500, ...away })] });
    expect([1_000, 8_000, 9_400, 9_600].map((at) => known(at, {}))).toEqual([true, true, true, false]);
    expect(known(9_600, { until: 9_700 })).toBe(true);
    // Between the last look that missed it and the one that found it, it may have come back.
    const away = outage({ from: 1_500, faultUntil: 9_000, missedAt: 9_500, until: 9_700 });
    expect([9_400, 9_600, 12_600, 12_800].map((at) => claimsAt(at, away))).toEqual([1, 0, 0, 1]);
  });
});
