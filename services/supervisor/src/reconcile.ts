/** What should run of a plugin. */
export interface Desired {
  /** How many instances; 0 for a plugin that is stopped or disabled. */
  instances: number;
  /** Whether there is anything to launch: its folder may have gone or be broken while it runs. */
  launchable: boolean;
  /** It owns files: the old instance ends before a new one starts. */
  singleWriter: boolean;
  /** A rollout is under way: whoever comes is tried before it takes invocations. */
  onTrial: boolean;
  /** False: old instances stay, until it is written that the new ones are wanted. */
  committed: boolean;
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
  /** It does not serve, and unless that changes it is killed then; undefined while it does. */
  useless?: { why: 'silent' | 'failing'; until: number };
  /** It is not what is wanted any more, or cannot do its work where it is: another shall run instead of it. */
  outdated: boolean;
  /** It could take invocations, and waits until it is let in. */
  held: boolean;
  /** It was launched to replace another, and has not passed its trial yet. */
  onTrial: boolean;
  /** It runs with another configuration, and might take over that of today. */
  unconfigured: boolean;
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
}

/** `over its limits`: our watch has seen it, where the system does not hold it. */
export type KillReason = 'not ready' | 'silent' | 'failing' | 'grace over' | 'over its limits';

export type Action =
  /** With `held` it waits until it is let in. */
  | { type: 'launch'; held: boolean }
  /** Tests it, and lets it in. */
  | { type: 'try'; instance: string }
  /** Gives it the configuration of today. */
  | { type: 'configure'; instance: string }
  /** Asks it to end in order. */
  | { type: 'drain'; instance: string; why: 'not wanted' | 'outdated' }
  | { type: 'kill'; instance: string; why: KillReason }
  /** Nothing is to be done before this time, unless something changes. */
  | { type: 'wait'; until: number };

/**
 * What to do so that what is there becomes what should be there. An instance is replaced by letting in another first, one
 * at a time, so that as many serve as are wanted; of a single writer the old one ends first.
 */
export function reconcile(desired: Desired, observed: Observed, limits: Limits, now: number): Action[] {
  const actions = observed.instances.flatMap((one) => overdue(one, limits, now));
  const doomed = new Set(actions.flatMap((action) => (action.type === 'kill' ? [action.instance] : [])));
  const alive = observed.instances.filter(
    ({ instance, status, killed }) => status !== 'stopping' && !killed && !doomed.has(instance),
  );
  // Without anything to launch there is no successor: better an old instance than none.
  const isReplaced = (one: ObservedInstance): boolean => one.outdated && desired.launchable;
  const old = alive.filter((one) => isReplaced(one));
  const fresh = alive.filter((one) => !isReplaced(one));
  for (const one of byWorth(fresh).slice(0, desired.instances)) actions.push(...attention(one));
  actions.push(...drains(desired, old, fresh));
  actions.push(...launches(desired, observed, { old, fresh }, now));
  return actions;
}

/** What an instance that stays needs. */
function attention(one: ObservedInstance): Action[] {
  const { instance, status, held, onTrial, unconfigured } = one;
  if (onTrial && (held || status === 'running')) return [{ type: 'try', instance }];
  return unconfigured && status === 'running' ? [{ type: 'configure', instance }] : [];
}

function drains(desired: Desired, old: ObservedInstance[], fresh: ObservedInstance[]): Action[] {
  const drain = (why: 'not wanted' | 'outdated') => (one: ObservedInstance) =>
    ({ type: 'drain', instance: one.instance, why }) as const;
  if (desired.instances === 0) return [...old, ...fresh].map(drain('not wanted'));
  const surplus = byWorth(fresh).slice(desired.instances).map(drain('not wanted'));
  if (desired.singleWriter) return [...surplus, ...old.map(drain('outdated'))];
  // Who does not serve is no loss.
  const useless = old.filter(({ status }) => status === 'starting');
  const serving = old.filter((one) => !useless.includes(one));
  // Until it is written that the new ones are wanted all of them may have to go on.
  const kept = desired.committed
    ? Math.max(0, desired.instances - fresh.filter(isInService).length)
    : serving.length;
  const replaced = byWorth(serving).slice(kept);
  return [...surplus, ...useless.map(drain('outdated')), ...replaced.map(drain('outdated'))];
}

function launches(
  desired: Desired,
  { instances, launchFrom }: Observed,
  { old, fresh }: { old: ObservedInstance[]; fresh: ObservedInstance[] },
  now: number,
): Action[] {
  if (!desired.launchable) return [];
  const count = missing(desired, instances.length, old, fresh);
  if (count === 0) return [];
  if (now < launchFrom) return launchFrom < Infinity ? [{ type: 'wait', until: launchFrom }] : [];
  const held = desired.onTrial || old.length > 0;
  return Array.from({ length: count }, (): Action => ({ type: 'launch', held }));
}

/** @param present processes of any status: there is at most one more of them than are to serve */
function missing(
  desired: Desired,
  present: number,
  old: ObservedInstance[],
  fresh: ObservedInstance[],
): number {
  const free = desired.instances - present;
  if (desired.singleWriter) return present === 0 ? Math.min(1, free) : 0;
  if (old.length === 0 && !desired.onTrial) return Math.max(0, free);
  // One after the other: what comes is tried before the next one comes.
  const isSettled = fresh.every(isInService);
  const kept = desired.committed ? 0 : old.filter(({ status }) => status === 'running').length;
  const most = Math.max(desired.instances, kept) + (old.length > 0 ? 1 : 0);
  return isSettled && fresh.length < desired.instances && present < most ? 1 : 0;
}

function isInService({ status, onTrial, useless }: ObservedInstance): boolean {
  return status === 'running' && !onTrial && useless === undefined;
}

/** What the time says about one instance: it is over, or when it will be. */
function overdue(one: ObservedInstance, { graceMs }: Limits, now: number): Action[] {
  if (one.killed) return [];
  const [until, why] = deadlineOf(one, graceMs);
  if (until === Infinity) return [];
  return [now >= until ? { type: 'kill', instance: one.instance, why } : { type: 'wait', until }];
}

function deadlineOf(one: ObservedInstance, graceMs: number): [number, KillReason] {
  const givenUp: [number, KillReason] = one.useless
    ? [one.useless.until, one.useless.why]
    : [Infinity, 'silent'];
  switch (one.status) {
    case 'starting':
      return one.held && one.onTrial ? givenUp : [one.launchedAt + one.startTimeoutMs, 'not ready'];
    case 'running':
      return givenUp;
    case 'stopping':
      return [one.since + graceMs, 'grace over'];
  }
}

/** Who should stay comes first: what runs before what only starts, then what has run for longer. */
function byWorth(instances: readonly ObservedInstance[]): ObservedInstance[] {
  return instances.toSorted(
    (a, b) =>
      Number(isInService(b)) - Number(isInService(a)) ||
      Number(b.status === 'running') - Number(a.status === 'running') ||
      a.launchedAt - b.launchedAt,
  );
}
