import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { ProcessState, QuietState } from '../quiet.ts';

/** Node, and nats-server, open a few when they see fit. */
const filesMore = 4;
const threadsMore = 4;
/** Go makes a thread for each call of the system that blocks. */
const threadsMoreOf: Partial<Record<string, number>> = { 'nats-server': 32 };
/** A timer of the SDK may be set or not at a moment. */
const resourcesMore = 3;

/** When nobody wants anything, nobody has more than when nobody had ever wanted anything. */
export function judgeLeaks(baseline: QuietState, later: readonly QuietState[]): Verdict {
  const flaws: string[] = [];
  if (later.length === 0) flaws.push('it was never looked');
  for (const state of later) {
    const when = `at ${new Date(state.at).toISOString()}`;
    for (const { plugin, inFlight, queueDepth } of state.held)
      if (inFlight > 0 || queueDepth > 0)
        flaws.push(`${when} ${plugin} holds ${inFlight} invocations, of which ${queueDepth} wait`);
    if (state.invocations.length > 0)
      flaws.push(`${when} somebody holds ${state.invocations.length} invocations: ${state.invocations[0]} …`);
    for (const one of state.processes) flaws.push(...leaksOf(one, baseline).map((leak) => `${when} ${leak}`));
    for (const { role } of baseline.processes)
      if (!state.processes.some((one) => one.role === role)) flaws.push(`${when} there is no ${role}`);
  }
  const all = [baseline, ...later].flatMap(({ processes }) => processes);
  const roles = [...new Set(all.map(({ role }) => role))];
  return {
    rule: 'in every quiet nothing is left: subscriptions, invocations, files, threads, timers',
    flaws,
    counted: [
      `${later.length} times`,
      ...roles.map((role) => {
        const of = all.filter((one) => one.role === role);
        const range = (pick: (one: ProcessState) => number): string =>
          `${Math.min(...of.map(pick))} to ${Math.max(...of.map(pick))}`;
        return (
          `${role}: ${range(({ files }) => files)} files, ${range(({ threads }) => threads)} threads, ` +
          `${range(({ subscriptions }) => sum(subscriptions))} subscriptions`
        );
      }),
    ].join('\n'),
  };
}

function leaksOf(one: ProcessState, baseline: QuietState): string[] {
  const { role, pid, files, threads, subscriptions, resources } = one;
  const before = baseline.processes.filter((some) => some.role === role);
  const most = (pick: (some: ProcessState) => number): number => Math.max(...before.map(pick));
  const name = `${role} (process ${pid})`;
  const leaks: string[] = [];
  const compare = (what: string, now: number, then: number, more: number): void => {
    if (!(now <= then + more)) leaks.push(`${name} has ${now} ${what}, and had ${then}`);
  };
  compare(
    'files',
    files,
    most((some) => some.files),
    filesMore,
  );
  compare(
    'threads',
    threads,
    most((some) => some.threads),
    threadsMoreOf[role] ?? threadsMore,
  );
  // Fewer are none: some are made when they are needed first.
  compare(
    'subscriptions',
    sum(subscriptions),
    most((some) => sum(some.subscriptions)),
    0,
  );
  for (const [kind, count] of Object.entries(resources))
    compare(
      kind,
      count,
      most((some) => some.resources[kind] ?? 0),
      resourcesMore,
    );
  return leaks;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
