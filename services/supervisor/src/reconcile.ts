/** What should run of a plugin. */
export interface Desired {
  /** How many instances; 0 for a plugin that is stopped or disabled. */
  instances: number;
  /** Instances launched before this are replaced: when a restart was last ordered. ms since the epoch */
  notBefore: number;
  /** Whether there is anything to launch: its folder may have gone or be broken while it runs. */
  launchable: boolean;
}

/** An instance whose process is there. */
export interface ObservedInstance {
  instance: string;
  status: 'starting' | 'running' | 'stopping';
  launchedAt: number;
  /** When it took its status. */
  since: number;
  /** How long it may take to become ready. */
  startTimeoutMs: number;
  /** Since when nothing is heard of it; undefined while it is. */
  silentSince?: number;
  /** It cannot do its work where it is, as one that holds on to another broker. */
  outdated?: boolean;
  /** SIGKILL was sent: there is nothing more to do than to wait. */
  killed: boolean;
}

export interface Observed {
  instances: readonly ObservedInstance[];
  /** Before this nothing is launched, because of what failed before; Infinity: not until somebody orders it. */
  launchFrom: number;
}

export interface Limits {
  graceMs: number;
  silentKillMs: number;
}

export type KillReason = 'not ready' | 'silent' | 'grace over';

export type Action =
  | { type: 'launch' }
  /** Asks it to end in order. */
  | { type: 'drain'; instance: string; why: 'not wanted' | 'outdated' }
  | { type: 'kill'; instance: string; why: KillReason }
  /** Nothing is to be done before this time, unless something changes. */
  | { type: 'wait'; until: number };

/**
 * What to do so that what is there becomes what should be there. An instance is replaced by draining it first: there
 * are never more processes than instances are wanted.
 */
export function reconcile(desired: Desired, observed: Observed, limits: Limits, now: number): Action[] {
  const { instances } = observed;
  const actions = instances.flatMap((one) => overdue(one, limits, now));
  const doomed = new Set(actions.filter(({ type }) => type === 'kill').map((action) => instanceOf(action)));
  const alive = instances.filter(({ instance, status }) => status !== 'stopping' && !doomed.has(instance));

  const outdated = alive.filter((one) => one.outdated || one.launchedAt < desired.notBefore);
  const fresh = alive.filter((one) => !outdated.includes(one));
  const surplus = byWorth(fresh).slice(desired.instances);
  // Without a manifest there is no successor: better an old instance than none.
  const replaced = desired.launchable || desired.instances === 0 ? outdated : [];
  for (const { instance } of replaced) {
    actions.push({ type: 'drain', instance, why: desired.instances === 0 ? 'not wanted' : 'outdated' });
  }
  for (const { instance } of surplus) actions.push({ type: 'drain', instance, why: 'not wanted' });

  const missing = desired.launchable ? Math.max(0, desired.instances - instances.length) : 0;
  if (missing > 0 && now >= observed.launchFrom) {
    actions.push(...Array.from({ length: missing }, (): Action => ({ type: 'launch' })));
  } else if (missing > 0 && observed.launchFrom < Infinity) {
    actions.push({ type: 'wait', until: observed.launchFrom });
  }
  return actions;
}

/** What the time says about one instance: it is over, or when it will be. */
function overdue(one: ObservedInstance, { graceMs, silentKillMs }: Limits, now: number): Action[] {
  if (one.killed) return [];
  const [until, why] = deadlineOf(one, graceMs, silentKillMs);
  if (until === Infinity) return [];
  return [now >= until ? { type: 'kill', instance: one.instance, why } : { type: 'wait', until }];
}

function deadlineOf(one: ObservedInstance, graceMs: number, silentKillMs: number): [number, KillReason] {
  switch (one.status) {
    case 'starting':
      return [one.launchedAt + one.startTimeoutMs, 'not ready'];
    case 'running':
      return [one.silentSince === undefined ? Infinity : one.silentSince + silentKillMs, 'silent'];
    case 'stopping':
      return [one.since + graceMs, 'grace over'];
  }
}

/** Who should stay comes first: what runs before what only starts, then what has run for longer. */
function byWorth(instances: readonly ObservedInstance[]): ObservedInstance[] {
  return instances.toSorted(
    (a, b) => Number(b.status === 'running') - Number(a.status === 'running') || a.launchedAt - b.launchedAt,
  );
}

function instanceOf(action: Action): string | undefined {
  return 'instance' in action ? action.instance : undefined;
}
