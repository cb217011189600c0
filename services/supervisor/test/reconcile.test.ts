import { describe, expect, it } from 'vitest';
import { reconcile } from '../src/reconcile.ts';
import type { Action, Desired, Observed, ObservedInstance } from '../src/reconcile.ts';

const limits = { graceMs: 10_000, silentKillMs: 30_000 };
const now = 1_000_000;

const wanted = (instances: number, more: Partial<Desired> = {}): Desired => ({
  instances,
  notBefore: 0,
  launchable: true,
  ...more,
});

let count = 0;
const instance = (
  status: ObservedInstance['status'],
  more: Partial<ObservedInstance> = {},
): ObservedInstance => ({
  instance: `i${(count += 1)}`,
  status,
  launchedAt: now - 5_000,
  since: now - 5_000,
  startTimeoutMs: 30_000,
  killed: false,
  ...more,
});

const there = (...instances: ObservedInstance[]): Observed => ({ instances, launchFrom: 0 });
const decide = (desired: Desired, observed: Observed): Action[] => reconcile(desired, observed, limits, now);
const acts = (actions: Action[]): Action[] => actions.filter(({ type }) => type !== 'wait');

describe('what is missing', () => {
  it('is launched, all of it at once', () => {
    expect(decide(wanted(1), there())).toEqual([{ type: 'launch' }]);
    expect(decide(wanted(3), there(instance('running')))).toEqual([{ type: 'launch' }, { type: 'launch' }]);
  });

  it('is launched only when the wait after a failure is over', () => {
    expect(decide(wanted(1), { instances: [], launchFrom: now + 700 })).toEqual([
      { type: 'wait', until: now + 700 },
    ]);
    expect(decide(wanted(1), { instances: [], launchFrom: now })).toEqual([{ type: 'launch' }]);
  });

  it('stays missing after a crash loop, without anything to wait for', () => {
    expect(decide(wanted(1), { instances: [], launchFrom: Infinity })).toEqual([]);
  });

  it('stays missing while there is nothing to launch', () => {
    expect(decide(wanted(1, { launchable: false }), there())).toEqual([]);
  });

  it('is not launched beside an instance that still stops', () => {
    expect(acts(decide(wanted(1), there(instance('stopping'))))).toEqual([]);
  });
});

describe('what is not wanted', () => {
  it('is drained, whether it is ready or not', () => {
    const [running, starting] = [instance('running'), instance('starting')];
    expect(acts(decide(wanted(0), there(running, starting)))).toEqual([
      { type: 'drain', instance: running.instance, why: 'not wanted' },
      { type: 'drain', instance: starting.instance, why: 'not wanted' },
    ]);
  });

  it('is drained once', () => {
    expect(acts(decide(wanted(0), there(instance('stopping'))))).toEqual([]);
  });

  it('is what runs for the shortest time, and before that what does not run yet', () => {
    const old = instance('running', { launchedAt: now - 9_000 });
    const young = instance('running', { launchedAt: now - 1_000 });
    const starting = instance('starting', { launchedAt: now - 10_000 });
    expect(acts(decide(wanted(1), there(young, starting, old)))).toEqual([
      { type: 'drain', instance: young.instance, why: 'not wanted' },
      { type: 'drain', instance: starting.instance, why: 'not wanted' },
    ]);
    expect(acts(decide(wanted(2), there(young, starting, old)))).toEqual([
      { type: 'drain', instance: starting.instance, why: 'not wanted' },
    ]);
  });
});

describe('what was launched before a restart', () => {
  it('is drained, and replaced when it has gone', () => {
    const old = instance('running', { launchedAt: now - 2 });
    const desired = wanted(1, { notBefore: now - 1 });
    expect(decide(desired, there(old))).toEqual([{ type: 'drain', instance: old.instance, why: 'outdated' }]);
    expect(acts(decide(desired, there({ ...old, status: 'stopping', since: now })))).toEqual([]);
    expect(decide(desired, there())).toEqual([{ type: 'launch' }]);
    expect(decide(desired, there(instance('running', { launchedAt: now - 1 })))).toEqual([]);
  });

  it('goes on while there is no successor to launch', () => {
    const old = instance('running', { launchedAt: now - 2 });
    expect(decide(wanted(1, { notBefore: now, launchable: false }), there(old))).toEqual([]);
  });

  it('is the same as what cannot do its work where it is', () => {
    const lost = instance('running', { outdated: true });
    expect(decide(wanted(1), there(lost))).toEqual([
      { type: 'drain', instance: lost.instance, why: 'outdated' },
    ]);
  });
});

describe('what takes too long', () => {
  it('to become ready is killed', () => {
    const slow = instance('starting', { launchedAt: now - 30_000 });
    expect(decide(wanted(1), there(slow))).toEqual([
      { type: 'kill', instance: slow.instance, why: 'not ready' },
    ]);
    expect(decide(wanted(1), there({ ...slow, launchedAt: now - 29_999 }))).toEqual([
      { type: 'wait', until: now + 1 },
    ]);
  });

  it('to end is killed', () => {
    const stubborn = instance('stopping', { since: now - 10_000 });
    expect(decide(wanted(0), there(stubborn))).toEqual([
      { type: 'kill', instance: stubborn.instance, why: 'grace over' },
    ]);
    expect(decide(wanted(0), there({ ...stubborn, since: now - 9_000 }))).toEqual([
      { type: 'wait', until: now + 1_000 },
    ]);
  });

  it('to be heard of again is killed', () => {
    const silent = instance('running', { silentSince: now - 30_000 });
    expect(decide(wanted(1), there(silent))).toEqual([
      { type: 'kill', instance: silent.instance, why: 'silent' },
    ]);
    expect(decide(wanted(1), there({ ...silent, silentSince: now - 1_000 }))).toEqual([
      { type: 'wait', until: now + 29_000 },
    ]);
  });

  it('is killed once', () => {
    expect(decide(wanted(1), there(instance('starting', { launchedAt: 0, killed: true })))).toEqual([]);
    expect(decide(wanted(0), there(instance('stopping', { since: 0, killed: true })))).toEqual([]);
  });

  it('is not drained as well', () => {
    const slow = instance('starting', { launchedAt: now - 30_000 });
    expect(decide(wanted(0), there(slow))).toEqual([
      { type: 'kill', instance: slow.instance, why: 'not ready' },
    ]);
  });
});

describe('in every situation with up to three instances', () => {
  const shapes: Partial<ObservedInstance>[] = [
    {},
    { killed: true },
    { outdated: true },
    { launchedAt: now - 40_000, since: now - 40_000 },
    { silentSince: now - 40_000 },
    { silentSince: now - 10 },
  ];
  const kinds = (['starting', 'running', 'stopping'] as const).flatMap((status) =>
    shapes.map((shape) => instance(status, shape)),
  );
  const sets: ObservedInstance[][] = [
    [],
    ...kinds.map((a) => [a]),
    ...kinds.flatMap((a) => kinds.map((b) => [a, { ...b, instance: 'b' }])),
    ...kinds.flatMap((a) => kinds.map((b) => [a, { ...b, instance: 'b' }, instance('running')])),
  ];
  const situations = sets.flatMap((instances) =>
    [0, 1, 2].flatMap((wantedCount) =>
      [true, false].flatMap((launchable) =>
        [0, now, Infinity].flatMap((launchFrom) =>
          [0, now - 4_000].map((notBefore) => ({
            desired: wanted(wantedCount, { launchable, notBefore }),
            observed: { instances, launchFrom },
          })),
        ),
      ),
    ),
  );

  /** Those for which something does not hold; one expectation for all, because there are tens of thousands. */
  const wrong = (holds: (situation: (typeof situations)[number], actions: Action[]) => boolean) =>
    situations.filter((situation) => !holds(situation, decide(situation.desired, situation.observed)));
  const touched = (actions: Action[]) =>
    actions.flatMap((action) => ('instance' in action ? [action.instance] : []));

  it('does at most one thing to an instance, and nothing to one that was killed while it stopped', () => {
    expect(situations.length).toBeGreaterThan(20_000);
    expect(
      wrong(({ observed }, actions) => {
        const names = touched(actions);
        const left = observed.instances.filter((one) => one.killed && one.status === 'stopping');
        return new Set(names).size === names.length && !left.some((one) => names.includes(one.instance));
      }),
    ).toEqual([]);
  });

  it('never has more processes than are wanted by launching', () => {
    expect(
      wrong(({ desired, observed }, actions) => {
        const launches = actions.filter(({ type }) => type === 'launch').length;
        if (!desired.launchable) return launches === 0;
        return launches === 0 || observed.instances.length + launches === desired.instances;
      }),
    ).toEqual([]);
  });

  it('never waits for a time that has come', () => {
    expect(
      wrong((_, actions) => actions.every((action) => action.type !== 'wait' || action.until > now)),
    ).toEqual([]);
  });

  it('comes to rest with what is wanted when its actions succeed', () => {
    expect(
      wrong(({ desired, observed }) => {
        if (observed.launchFrom > now || !desired.launchable) return true;
        let instances = [...observed.instances];
        for (let round = 0; round < 6; round += 1) {
          const actions = reconcile(desired, { instances, launchFrom: 0 }, limits, now);
          const gone = new Set(touched(actions));
          instances = instances
            .filter((one) => !gone.has(one.instance) && one.status !== 'stopping' && !one.killed)
            .map((one) => ({ ...one, status: 'running' as const }));
          const launched = actions.filter(({ type }) => type === 'launch');
          instances.push(...launched.map(() => instance('running', { launchedAt: now })));
        }
        const more = acts(reconcile(desired, { instances, launchFrom: 0 }, limits, now));
        return instances.length === desired.instances && more.length === 0;
      }),
    ).toEqual([]);
  });
});
