import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BkgError, configDefaults } from '@bkg/sdk';
import type { ManagedInstance } from '../src/managed-instance.ts';
import { Rollout } from '../src/rollout/rollout.ts';
import type { RolloutPlan } from '../src/rollout/rollout-plan.ts';
import type { Verdict } from '../src/verdict.ts';

const before = {
  target: { version: '1.0.0', notBefore: 0 },
  config: { id: 'notes', ...configDefaults, revision: 3 },
  circumstances: { version: '1.0.0', restores: 3 },
};
const plan: RolloutPlan = {
  pluginId: 'notes',
  verb: 'swap',
  by: 'ana',
  why: 'newer',
  force: false,
  singleWriter: false,
  from: '1.0.0',
  target: { version: '1.1.0', notBefore: 7 },
  before,
  isCommitted: false,
};
const begun = (more: Partial<RolloutPlan> = {}): Rollout => {
  const rollout = new Rollout({ ...plan, ...more });
  rollout.begin();
  return rollout;
};

const instance = (id: string, more: { wasAskedToStop?: boolean; version?: string } = {}): ManagedInstance => {
  const { wasAskedToStop = false, version = '1.1.0' } = more;
  return { id, record: { version }, launchedAt: clock(), wasAskedToStop } as ManagedInstance;
};
const stopped: Verdict = { status: 'stopped', text: 'ended with code 0', ended: 'stopped' };
const crashed: Verdict = {
  status: 'error',
  text: 'ended by SIGSEGV',
  verdict: 'crashed',
  ended: 'crashed',
};
const failure = new BkgError('PLUGIN_CRASHED', 'notes 1.1.0 is broken.');
const stop = new BkgError('CONFLICT', 'notes was stopped.');

const clock = (): number => performance.timeOrigin + performance.now();
const pass = (ms: number): void => void vi.advanceTimersByTime(ms);
/** Comes, and takes invocations. */
const arrive = (rollout: Rollout, id: string): void => {
  rollout.launched(instance(id));
  rollout.ready(id);
  rollout.passed(id);
};
/** Goes in order. */
const depart = (rollout: Rollout, id: string): void => {
  rollout.draining(id);
  rollout.ended(instance(id, { wasAskedToStop: true }), stopped);
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

describe('what is wanted', () => {
  it('is what was before, until it has begun', () => {
    const rollout = new Rollout(plan);
    expect(rollout).toMatchObject({ hasBegun: false, isOfVersion: false, isCommitted: true });
    expect(rollout.target).toBe(before.target);
    rollout.begin();
    expect(rollout).toMatchObject({ hasBegun: true, isOfVersion: true, isCommitted: false });
    expect(rollout.target).toBe(plan.target);
    expect(rollout.config).toBeUndefined();
  });

  it('is committed when that is written, or from the beginning', () => {
    const rollout = begun();
    rollout.commit();
    expect(rollout).toMatchObject({ isCommitted: true, wasCommitted: true });
    expect(begun({ isCommitted: true })).toMatchObject({ isCommitted: true, wasCommitted: true });
  });

  it('is what was before again, version and configuration, after a failure', () => {
    const rollout = begun();
    rollout.fail(failure, 'new');
    expect(rollout).toMatchObject({ failure, failed: 'new', isCancelled: false });
    expect(rollout).toMatchObject({ isCommitted: true, wasCommitted: false });
    expect(rollout.target).toBe(before.target);
    expect(rollout.config).toBe(before.config);
  });

  it('has the configuration that is written when something else was ordered', () => {
    const rollout = begun();
    rollout.cancel(stop);
    expect(rollout).toMatchObject({ failure: stop, failed: undefined, isCancelled: true });
    expect(rollout.target).toBe(before.target);
    expect(rollout.config).toBeUndefined();
  });

  it('is a version, but where only the configuration changes', () => {
    expect(begun({ verb: 'configure' }).isOfVersion).toBe(false);
    expect(begun({ verb: 'restart' }).isOfVersion).toBe(true);
  });
});

describe('a failure', () => {
  it('counts when it is the first', () => {
    const rollout = begun();
    rollout.fail(failure, 'new');
    rollout.fail(new BkgError('INTERNAL', 'later'), 'other');
    rollout.cancel(stop);
    expect(rollout).toMatchObject({ failure, failed: 'new', isCancelled: false });
    const cancelled = begun();
    cancelled.cancel(stop);
    cancelled.fail(failure, 'new');
    expect(cancelled).toMatchObject({ failure: stop, failed: undefined, isCancelled: true });
  });

  it('does not count any more after the end', () => {
    const rollout = begun();
    rollout.end();
    rollout.fail(failure);
    rollout.cancel(stop);
    expect(rollout.failure).toBeUndefined();
    expect(rollout.receipt.state).toBe('done');
  });

  it('is not that of one that came, and ends after the end', () => {
    const rollout = begun();
    arrive(rollout, 'new');
    rollout.end();
    expect(rollout.ended(instance('new'), crashed)).toBe(false);
    rollout.launched(instance('next'));
    expect(rollout.receipt).toMatchObject({ state: 'done', instances: [{ instance: 'new' }] });
  });

  it('is the unasked end of one that came', () => {
    const rollout = begun();
    rollout.launched(instance('new'));
    expect(rollout.ended(instance('new'), crashed)).toBe(true);
    expect(rollout).toMatchObject({ failed: 'new' });
    expect(rollout.failure?.problem).toMatchObject({
      code: 'PLUGIN_CRASHED',
      detail: 'notes 1.1.0 ended by SIGSEGV.',
    });
  });

  it('is neither the end of one that was asked to, nor of one that was there before', () => {
    const rollout = begun();
    rollout.launched(instance('new'));
    expect(rollout.ended(instance('new', { wasAskedToStop: true }), stopped)).toBe(true);
    expect(rollout.ended(instance('old'), crashed)).toBe(false);
    expect(rollout.failure).toBeUndefined();
  });
});

describe('its steps', () => {
  it('are those of the instance that came last', () => {
    const rollout = begun();
    expect(rollout.step).toBe('starting');
    for (const id of ['a', 'b']) {
      rollout.launched(instance(id));
      expect(rollout.step).toBe('starting');
      rollout.ready(id);
      expect(rollout.step).toBe('testing');
      rollout.passed(id);
      expect(rollout.step).toBe('draining');
    }
    rollout.end();
    expect(rollout.step).toBeUndefined();
  });

  it('begin with the end of the old one where there is but one writer', () => {
    const rollout = begun({ singleWriter: true });
    rollout.draining('old');
    expect(rollout.step).toBe('draining');
    rollout.launched(instance('new'));
    expect(rollout.step).toBe('starting');
  });

  it('are undone after a failure', () => {
    const rollout = begun();
    arrive(rollout, 'new');
    rollout.fail(failure);
    expect(rollout.receipt).toMatchObject({ state: 'running', step: 'reverting' });
    rollout.end();
    expect(rollout.receipt).toMatchObject({ state: 'failed', error: failure.message });
    expect(rollout.receipt.step).toBeUndefined();
  });
});

describe('its receipt', () => {
  it('says who came for whom, in their order, and how long each step took', () => {
    const rollout = begun();
    const startedAt = new Date(clock()).toISOString();
    for (const [came, went] of [
      ['a', 'x'],
      ['b', 'y'],
    ] as const) {
      rollout.launched(instance(came));
      pass(300);
      rollout.ready(came);
      rollout.ready(came);
      rollout.selfTested(came, 12.345, true);
      rollout.passed(came);
      rollout.draining(went);
      pass(50);
      rollout.ended(instance(went, { wasAskedToStop: true }), stopped);
    }
    rollout.end();
    pass(1_000);
    const times = { version: '1.1.0', ready_ms: 300, self_test_ms: 12.3, drain_ms: 50 };
    expect(rollout.receipt).toEqual({
      verb: 'swap',
      state: 'done',
      by: 'ana',
      why: 'newer',
      from: '1.0.0',
      to: '1.1.0',
      started_at: startedAt,
      duration_ms: 700,
      instances: [
        { instance: 'a', ...times, replaced: 'x' },
        { instance: 'b', ...times, replaced: 'y' },
      ],
      invocations: { answered: 0, failed: 0, lost: 0 },
      contract: { breaks: [], unknown: [] },
    });
  });

  it('has no more than it knows while it runs, and where nobody went', () => {
    const rollout = begun();
    rollout.launched(instance('a'));
    expect(rollout.receipt).toMatchObject({ state: 'running', instances: [{ instance: 'a' }] });
    expect(Object.keys(rollout.receipt.instances[0]!)).toEqual(['instance', 'version']);
    expect(rollout.receipt.duration_ms).toBeUndefined();
    rollout.passed('a');
    rollout.draining('x');
    expect(rollout.receipt.instances[0]).toEqual({ instance: 'a', version: '1.1.0', replaced: 'x' });
  });

  it('names those that were meant to come, not those that come back', () => {
    const rollout = begun();
    arrive(rollout, 'a');
    depart(rollout, 'x');
    rollout.fail(failure);
    arrive(rollout, 'x2');
    // What came goes again, which is no replacement.
    rollout.draining('a');
    rollout.end();
    expect(rollout.receipt.instances.map(({ instance, replaced }) => [instance, replaced])).toEqual([
      ['a', 'x'],
    ]);
  });

  it('says when the first of the new ones has arrived', () => {
    const rollout = begun();
    rollout.launched(instance('a'));
    rollout.ready('a');
    expect(rollout.hasArrived).toBe(false);
    rollout.passed('stranger');
    expect(rollout.hasArrived).toBe(false);
    rollout.passed('a');
    expect(rollout.hasArrived).toBe(true);
  });

  it('counts our own invocations, so that they are not taken for those of others', () => {
    const rollout = begun();
    rollout.launched(instance('a'));
    rollout.selfTested('a', 1, true);
    rollout.fail(failure);
    // One of before that comes back is tested too.
    rollout.launched(instance('x2'));
    rollout.selfTested('x2', 1, false);
    expect(rollout.selfTests).toEqual({ answered: 2, failed: 1 });
  });
});

describe('those that went', () => {
  it('are known, and whether they did so in order', () => {
    const rollout = begun();
    depart(rollout, 'x');
    rollout.draining('y');
    rollout.ended(instance('y', { wasAskedToStop: true }), crashed);
    rollout.draining('z');
    expect([...rollout.departed]).toEqual([
      ['x', true],
      ['y', false],
      ['z', false],
    ]);
  });

  it('are also those that crash, of the new ones once they take invocations', () => {
    const rollout = begun();
    rollout.ended(instance('x'), crashed);
    arrive(rollout, 'a');
    rollout.launched(instance('b'));
    rollout.ended(instance('b'), crashed);
    rollout.ended(instance('a'), crashed);
    expect(new Map(rollout.departed)).toEqual(
      new Map([
        ['x', false],
        ['a', false],
      ]),
    );
  });
});

describe('the pause of a single writer', () => {
  it('is from the order to the old one until the new one takes invocations', () => {
    const rollout = begun({ singleWriter: true });
    pass(40);
    rollout.draining('old');
    pass(100);
    rollout.ended(instance('old', { wasAskedToStop: true }), stopped);
    rollout.launched(instance('new'));
    pass(200);
    rollout.ready('new');
    expect(rollout.receipt.paused_ms).toBeUndefined();
    rollout.passed('new');
    pass(500);
    rollout.end();
    expect(rollout.receipt).toMatchObject({ paused_ms: 300, duration_ms: 840 });
  });

  it('is over as well when the old one is back after a failure, or with the rollout', () => {
    for (const isBack of [true, false]) {
      const rollout = begun({ singleWriter: true });
      rollout.draining('old');
      pass(100);
      rollout.fail(failure);
      pass(150);
      if (isBack) rollout.passed('back');
      else rollout.end();
      pass(500);
      rollout.end();
      expect(rollout.receipt.paused_ms).toBe(250);
    }
  });

  it('is none where nobody went first, or another takes over', () => {
    const alone = begun({ singleWriter: true });
    arrive(alone, 'new');
    alone.end();
    expect(alone.receipt.paused_ms).toBeUndefined();
    const surge = begun();
    arrive(surge, 'new');
    depart(surge, 'old');
    surge.end();
    expect(surge.receipt.paused_ms).toBeUndefined();
  });
});
