import { describe, expect, it } from 'vitest';
import { reconcile } from '../src/reconcile.ts';
import type { Action, Desired, Observed, ObservedInstance } from '../src/reconcile.ts';

const limits = { graceMs: 10_000 };
const now = 1_000_000;

const wanted = (instances: number, more: Partial<Desired> = {}): Desired => ({
  instances,
  launchable: true,
  singleWriter: false,
  onTrial: false,
  committed: true,
  ...more,
});
/** A rollout that has begun, and of which no new instance serves yet. */
const rollout = { onTrial: true, committed: false };

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
  outdated: false,
  held: false,
  onTrial: false,
  unconfigured: false,
  killed: false,
  ...more,
});
const old = (more: Partial<ObservedInstance> = {}) => instance('running', { outdated: true, ...more });
const held = (more: Partial<ObservedInstance> = {}) =>
  instance('starting', { held: true, onTrial: true, ...more });

const there = (...instances: ObservedInstance[]): Observed => ({ instances, launchFrom: 0 });
const decide = (desired: Desired, observed: Observed): Action[] => reconcile(desired, observed, limits, now);
const acts = (actions: Action[]): Action[] => actions.filter(({ type }) => type !== 'wait');
const launch = { type: 'launch', held: false };
const launchHeld = { type: 'launch', held: true };
const drain = ({ instance }: ObservedInstance, why: 'not wanted' | 'outdated') => ({
  type: 'drain',
  instance,
  why,
});

describe('what is missing', () => {
  it('is launched, all of it at once', () => {
    expect(decide(wanted(1), there())).toEqual([launch]);
    expect(decide(wanted(3), there(instance('running')))).toEqual([launch, launch]);
  });

  it('is launched only when the wait after a failure is over', () => {
    expect(decide(wanted(1), { instances: [], launchFrom: now + 700 })).toEqual([
      { type: 'wait', until: now + 700 },
    ]);
    expect(decide(wanted(1), { instances: [], launchFrom: now })).toEqual([launch]);
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
      drain(running, 'not wanted'),
      drain(starting, 'not wanted'),
    ]);
  });

  it('is drained once', () => {
    expect(acts(decide(wanted(0), there(instance('stopping'))))).toEqual([]);
  });

  it('is what runs for the shortest time, before that what is on trial, and before that what does not run yet', () => {
    const oldest = instance('running', { launchedAt: now - 9_000 });
    const young = instance('running', { launchedAt: now - 1_000 });
    const tried = instance('running', { launchedAt: now - 10_000, onTrial: true });
    const starting = instance('starting', { launchedAt: now - 11_000 });
    const all = there(young, starting, tried, oldest);
    const drained = (instances: number) =>
      decide(wanted(instances), all).flatMap((one) => (one.type === 'drain' ? [one.instance] : []));
    expect(drained(1)).toEqual([young.instance, tried.instance, starting.instance]);
    expect(drained(2)).toEqual([tried.instance, starting.instance]);
    expect(drained(3)).toEqual([starting.instance]);
  });

  it('gets nothing else any more', () => {
    const stays = instance('running');
    const untried = held();
    const unconfigured = instance('running', { launchedAt: now, unconfigured: true });
    expect(acts(decide(wanted(1), there(stays, untried)))).toEqual([drain(untried, 'not wanted')]);
    expect(acts(decide(wanted(0), there(unconfigured)))).toEqual([drain(unconfigured, 'not wanted')]);
  });
});

describe('what is outdated', () => {
  it('goes when another has taken its place', () => {
    const before = old();
    const after = held();
    expect(decide(wanted(1), there(before))).toEqual([launchHeld]);
    expect(decide(wanted(1), there(before, instance('starting', { onTrial: true })))).toMatchObject([
      { type: 'wait' },
    ]);
    expect(decide(wanted(1), there(before, after))).toEqual([{ type: 'try', instance: after.instance }]);
    expect(decide(wanted(1), there(before, instance('running')))).toEqual([drain(before, 'outdated')]);
  });

  it('goes one at a time', () => {
    const [a, b] = [old({ launchedAt: now - 9_000 }), old({ launchedAt: now - 8_000 })];
    const fresh = instance('running');
    expect(decide(wanted(2), there(a, b))).toEqual([launchHeld]);
    expect(decide(wanted(2), there(a, b, fresh))).toEqual([drain(b, 'outdated')]);
    expect(acts(decide(wanted(2), there(a, { ...b, status: 'stopping' }, fresh)))).toEqual([]);
    expect(decide(wanted(2), there(a, fresh))).toEqual([launchHeld]);
    expect(decide(wanted(2), there(a, fresh, instance('running')))).toEqual([drain(a, 'outdated')]);
  });

  it('goes at once when it does not serve yet', () => {
    const [starting, untried] = [instance('starting', { outdated: true }), held({ outdated: true })];
    expect(decide(wanted(2), there(starting, untried))).toEqual(
      expect.arrayContaining([drain(starting, 'outdated'), drain(untried, 'outdated')]),
    );
  });

  it('stays until it is written that the new one is wanted', () => {
    const [before, after] = [old(), instance('running')];
    expect(decide(wanted(1, rollout), there(before, after))).toEqual([]);
    expect(decide(wanted(1, { ...rollout, committed: true }), there(before, after))).toEqual([
      drain(before, 'outdated'),
    ]);
  });

  it('stays until then also when fewer are wanted than before', () => {
    const all = there(old(), old(), old());
    expect(decide(wanted(1, rollout), all)).toEqual([launchHeld]);
  });

  it('of a single writer ends before another starts', () => {
    const before = old();
    const desired = wanted(1, { ...rollout, singleWriter: true });
    expect(decide(desired, there(before))).toEqual([drain(before, 'outdated')]);
    expect(acts(decide(desired, there({ ...before, status: 'stopping', since: now })))).toEqual([]);
    expect(decide(desired, there())).toEqual([launchHeld]);
  });

  it('goes on while there is no successor to launch', () => {
    for (const singleWriter of [false, true])
      expect(decide(wanted(1, { launchable: false, singleWriter }), there(old()))).toEqual([]);
  });
});

describe('what comes in a rollout', () => {
  it('is tried before it counts, held or not', () => {
    for (const one of [held(), instance('running', { onTrial: true })])
      expect(decide(wanted(1, rollout), there(old(), one))).toEqual([
        { type: 'try', instance: one.instance },
      ]);
  });

  it('comes one after the other, also where nothing was', () => {
    const desired = wanted(2, rollout);
    expect(decide(desired, there())).toEqual([launchHeld]);
    expect(acts(decide(desired, there(instance('starting', { onTrial: true }))))).toEqual([]);
    expect(decide(desired, there(instance('running')))).toEqual([launchHeld]);
  });
});

describe('what runs with another configuration', () => {
  it('is given that of today when it runs, has been tried and stays', () => {
    const configured = (one: ObservedInstance) =>
      decide(wanted(1), there(one)).filter(({ type }) => type === 'configure');
    const runs = instance('running', { unconfigured: true });
    expect(configured(runs)).toEqual([{ type: 'configure', instance: runs.instance }]);
    for (const more of [{ status: 'starting' as const }, { onTrial: true }, { outdated: true }])
      expect(configured({ ...runs, ...more })).toEqual([]);
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

  it('to be let in is not, as long as it is heard of', () => {
    const waiting = held({ launchedAt: now - 40_000 });
    expect(decide(wanted(1, rollout), there(waiting))).toEqual([{ type: 'try', instance: waiting.instance }]);
    expect(decide(wanted(1, rollout), there({ ...waiting, useless: { why: 'silent', until: now } }))).toEqual(
      [{ type: 'kill', instance: waiting.instance, why: 'silent' }],
    );
  });

  it('to take invocations after it was let in is killed', () => {
    const mute = held({ onTrial: false, launchedAt: now - 30_000 });
    expect(decide(wanted(1), there(mute))).toEqual([
      { type: 'kill', instance: mute.instance, why: 'not ready' },
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
    const silent = instance('running', { useless: { why: 'silent', until: now } });
    expect(decide(wanted(1), there(silent))).toEqual([
      { type: 'kill', instance: silent.instance, why: 'silent' },
    ]);
    expect(decide(wanted(1), there({ ...silent, useless: { why: 'silent', until: now + 29_000 } }))).toEqual([
      { type: 'wait', until: now + 29_000 },
    ]);
  });

  it('to be heard of again takes no place of one that is heard of', () => {
    const silent = instance('running', {
      launchedAt: now - 9_000,
      useless: { why: 'silent', until: now + 29_000 },
    });
    const heard = instance('running');
    expect(acts(decide(wanted(1), there(silent, heard)))).toEqual([drain(silent, 'not wanted')]);
    expect(acts(decide(wanted(1), there(silent, old())))).toEqual([]);
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
