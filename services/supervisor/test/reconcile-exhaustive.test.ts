import { describe, expect, it } from 'vitest';
import { reconcile } from '../src/reconcile.ts';
import type { Action, Desired, ObservedInstance } from '../src/reconcile.ts';

const limits = { graceMs: 10_000 };
const now = 1_000_000;
const longAgo = now - 40_000;

const silent = { why: 'silent', until: now } as const;
const failing = { why: 'failing', until: now + 29_990 } as const;
const plain: ObservedInstance = {
  instance: 'a',
  status: 'running',
  launchedAt: now - 5_000,
  since: now - 5_000,
  startTimeoutMs: 30_000,
  outdated: false,
  held: false,
  onTrial: false,
  unconfigured: false,
  killed: false,
};
const held = { held: true, onTrial: true };
const kinds: ObservedInstance[] = [
  ...[
    {},
    { killed: true },
    { outdated: true },
    { onTrial: true },
    { launchedAt: longAgo, since: longAgo },
    held,
    { ...held, outdated: true },
    { ...held, launchedAt: longAgo, since: longAgo },
    { ...held, useless: silent },
  ].map((more) => ({ ...plain, ...more, status: 'starting' as const })),
  ...[
    {},
    { killed: true },
    { outdated: true },
    { onTrial: true },
    { onTrial: true, outdated: true },
    { unconfigured: true },
    { useless: silent },
    { useless: failing },
    { useless: failing, outdated: true },
  ].map((more) => ({ ...plain, ...more })),
  ...[{}, { killed: true }, { outdated: true }, { since: longAgo }].map((more) => ({
    ...plain,
    ...more,
    status: 'stopping' as const,
  })),
];
const pairs = kinds.flatMap((a) => kinds.map((b) => [a, { ...b, instance: 'b' }]));
const sets: ObservedInstance[][] = [
  [],
  ...kinds.map((one) => [one]),
  ...pairs,
  ...pairs.map((pair) => [...pair, { ...plain, instance: 'c' }]),
  ...pairs.map((pair) => [...pair, { ...plain, instance: 'c', outdated: true }]),
];

const desires: Desired[] = [0, 1, 2].flatMap((instances) =>
  [true, false].flatMap((launchable) =>
    (instances < 2 ? [true, false] : [false]).flatMap((singleWriter) =>
      [
        { onTrial: false, committed: true },
        { onTrial: true, committed: false },
        { onTrial: true, committed: true },
      ].map((phase) => ({ instances, launchable, singleWriter, ...phase })),
    ),
  ),
);

interface Situation {
  desired: Desired;
  instances: ObservedInstance[];
  launchFrom: number;
  actions: Action[];
}

const situations: Situation[] = sets.flatMap((instances) =>
  desires.flatMap((desired) =>
    [0, now + 700, Infinity].map((launchFrom) => ({
      desired,
      instances,
      launchFrom,
      actions: reconcile(desired, { instances, launchFrom }, limits, now),
    })),
  ),
);

/** Those for which something does not hold, and no more than can be read; one expectation for all of them. */
const wrong = (holds: (situation: Situation) => boolean): Situation[] => {
  const found: Situation[] = [];
  for (const one of situations) {
    if (found.length === 3) break;
    if (!holds(one)) found.push(one);
  }
  return found;
};

const touched = (actions: readonly Action[], ...types: Action['type'][]): string[] =>
  actions.flatMap((action) =>
    'instance' in action && (types.length === 0 || types.includes(action.type)) ? [action.instance] : [],
  );
const launches = (actions: readonly Action[]): number =>
  actions.filter(({ type }) => type === 'launch').length;
const serves = ({ status, onTrial, useless, killed }: ObservedInstance): boolean =>
  status === 'running' && !onTrial && useless === undefined && !killed;
/** Another shall run instead of it, and can. */
const isReplaced = (one: ObservedInstance, { launchable }: Desired): boolean => one.outdated && launchable;
const going = (actions: readonly Action[]): Set<string> => new Set(touched(actions, 'drain', 'kill'));

describe('in every situation with up to three instances', () => {
  it('does at most one thing to an instance, and nothing to one that was killed', () => {
    expect(situations.length).toBeGreaterThan(100_000);
    expect(
      wrong(({ instances, actions }) => {
        const names = touched(actions);
        const left = instances.filter(({ killed }) => killed);
        return new Set(names).size === names.length && !left.some((one) => names.includes(one.instance));
      }),
    ).toEqual([]);
  });

  it('launches nothing without a manifest, and nothing before its time', () => {
    expect(
      wrong(
        ({ desired, launchFrom, actions }) =>
          launches(actions) === 0 || (desired.launchable && launchFrom <= now),
      ),
    ).toEqual([]);
  });

  it('has at most one process more than instances are wanted by launching, and that only to replace one', () => {
    expect(
      wrong(({ desired, instances, actions }) => {
        const old = instances.filter((one) => isReplaced(one, desired));
        // Old ones that serve stay while nothing is written yet, however many there are.
        const kept = desired.committed ? 0 : old.filter(({ status }) => status === 'running').length;
        const most = Math.max(desired.instances, kept) + (old.length > 0 ? 1 : 0);
        return launches(actions) === 0 || instances.length + launches(actions) <= most;
      }),
    ).toEqual([]);
  });

  it('holds what it launches in a rollout or beside an old one, and launches it alone', () => {
    expect(
      wrong(({ desired, instances, actions }) => {
        const isOldThere = instances.some(
          (one) => isReplaced(one, desired) && one.status !== 'stopping' && !going(actions).has(one.instance),
        );
        const launched = actions.filter((action) => action.type === 'launch');
        if (!desired.onTrial && !isOldThere) return true;
        return launched.length <= 1 && launched.every(({ held }) => held);
      }),
    ).toEqual([]);
  });

  it('launches a single writer only where no process is', () => {
    expect(
      wrong(
        ({ desired, instances, actions }) =>
          !desired.singleWriter ||
          launches(actions) === 0 ||
          (instances.length === 0 && launches(actions) === 1),
      ),
    ).toEqual([]);
  });

  it('has no fewer in service than are wanted, or than there were, by draining', () => {
    expect(
      wrong(({ desired, instances, actions }) => {
        if (desired.singleWriter || !desired.committed) return true;
        const gone = going(actions);
        const before = instances.filter(serves);
        const after = before.filter((one) => !gone.has(one.instance));
        return after.length >= Math.min(before.length, desired.instances);
      }),
    ).toEqual([]);
  });

  it('drains no old one that serves before it is written that the new ones are wanted', () => {
    expect(
      wrong(({ desired, instances, actions }) => {
        if (desired.singleWriter || desired.committed || desired.instances === 0) return true;
        const drained = touched(actions, 'drain');
        return !instances.some(
          (one) => serves(one) && isReplaced(one, desired) && drained.includes(one.instance),
        );
      }),
    ).toEqual([]);
  });

  it('drains nothing for being outdated without a successor to launch', () => {
    expect(
      wrong(
        ({ desired, actions }) =>
          desired.launchable ||
          !actions.some((action) => action.type === 'drain' && action.why === 'outdated'),
      ),
    ).toEqual([]);
  });

  it('tries what is on trial, could take invocations and stays, and nothing else', () => {
    expect(
      wrong(({ desired, instances, actions }) => {
        const gone = going(actions);
        const due = instances.filter(
          (one) =>
            one.onTrial &&
            (one.held || one.status === 'running') &&
            !one.killed &&
            !isReplaced(one, desired) &&
            !gone.has(one.instance),
        );
        const tried = touched(actions, 'try');
        return tried.length === due.length && due.every((one) => tried.includes(one.instance));
      }),
    ).toEqual([]);
  });

  it('kills what is overdue and nothing else: who is held only when it is silent', () => {
    const isOverdue = ({ status, held, launchedAt, since, useless, killed }: ObservedInstance): boolean => {
      if (killed) return false;
      if (status === 'stopping') return since === longAgo;
      return status === 'starting' && !held
        ? launchedAt === longAgo
        : useless !== undefined && useless.until <= now;
    };
    expect(
      wrong(({ instances, actions }) => {
        const due = instances.filter(isOverdue).map((one) => one.instance);
        return due.join() === touched(actions, 'kill').join();
      }),
    ).toEqual([]);
  });

  it('never waits for a time that has come', () => {
    expect(
      wrong(({ actions }) => actions.every((action) => action.type !== 'wait' || action.until > now)),
    ).toEqual([]);
  });

  it('comes to rest with what is wanted when its actions succeed', () => {
    let count = 0;
    const launched = ({ held }: { held: boolean }): ObservedInstance => ({
      ...plain,
      instance: `n${(count += 1)}`,
      launchedAt: now,
      ...(held && { status: 'starting', held, onTrial: true }),
    });
    expect(
      wrong(({ desired: { ...desired }, launchFrom, ...situation }) => {
        if (launchFrom > 0 || !desired.launchable) return true;
        let { instances } = situation;
        let actions: Action[] = [];
        for (let round = 0; round < 12; round += 1) {
          if (instances.some((one) => serves(one) && !one.outdated)) desired.committed = true;
          actions = reconcile(desired, { instances, launchFrom }, limits, now);
          if (actions.length === 0 && instances.every(serves)) break;
          const gone = going(actions);
          const passed = touched(actions, 'try');
          const next = instances
            .filter((one) => !gone.has(one.instance) && one.status !== 'stopping' && !one.killed)
            .map(({ useless: _useless, ...one }) =>
              one.held && !passed.includes(one.instance)
                ? one
                : {
                    ...one,
                    status: 'running' as const,
                    held: false,
                    unconfigured: false,
                    onTrial: one.onTrial && !passed.includes(one.instance),
                  },
            );
          instances = [
            ...next,
            ...actions.flatMap((action) => (action.type === 'launch' ? [launched(action)] : [])),
          ];
        }
        const fresh = instances.filter((one) => serves(one) && !one.outdated);
        return (
          actions.length === 0 && fresh.length === desired.instances && instances.length === desired.instances
        );
      }),
    ).toEqual([]);
  });
});
