import type { ContractRule, Rollout, RolloutInstance, RolloutState, RolloutVerb } from '@bkg/sdk/protocol';
import { formatCount, formatDuration } from '../format.ts';

const names: Record<RolloutVerb | 'redeploy', Record<RolloutState, string>> = {
  swap: { running: 'Swapping', done: 'Swapped', failed: 'Swap failed:' },
  redeploy: { running: 'Redeploying', done: 'Redeployed', failed: 'Redeploy failed:' },
  restart: { running: 'Restarting', done: 'Restarted', failed: 'Restart failed:' },
  configure: { running: 'Reconfiguring', done: 'Reconfigured', failed: 'Reconfiguring failed:' },
  rollback: { running: 'Rolling back', done: 'Rolled back', failed: 'Rollback failed:' },
};

/** "Swapped 1.0.0 → 1.1.0": what a rollout is called, by what has become of it. */
export function rolloutTitle({ verb, state, from, to }: Rollout): string {
  const isSame = from === to;
  const name = names[verb === 'swap' && isSame ? 'redeploy' : verb][state];
  return `${name} ${isSame ? to : `${from} → ${to}`}`;
}

/** What a rollout that runs is doing now, a sentence; undefined when it has ended. */
export function stepText({ state, step, instances, from, to }: Rollout): string | undefined {
  if (state !== 'running') return undefined;
  const coming = instances.at(-1);
  const name = coming?.instance ?? `an instance of ${to}`;
  switch (step) {
    case 'starting':
      return `Starting ${name}; it takes no invocations yet.`;
    case 'testing':
      return `Testing ${name} with a first invocation.`;
    case 'draining':
      return coming?.replaced
        ? `Ending ${coming.replaced}: it finishes what it has taken.`
        : 'Ending an old instance: it finishes what it has taken.';
    case 'reverting':
      return `Taking everything back; ${from} goes on.`;
    case undefined:
      return 'Beginning.';
  }
}

/** A figure of a receipt. */
export interface Fact {
  name: string;
  value: string;
  /** It is nothing that anybody wishes for. */
  isBad?: boolean;
}

/** What is counted and measured of a rollout, while it runs as far as it is known. */
export function factsOf(rollout: Rollout): Fact[] {
  const { answered, failed, lost } = rollout.invocations;
  const facts: Fact[] = [];
  if (rollout.duration_ms !== undefined)
    facts.push({ name: 'Took', value: formatDuration(rollout.duration_ms) });
  if (rollout.paused_ms !== undefined)
    facts.push({ name: 'None answered for', value: formatDuration(rollout.paused_ms) });
  facts.push(
    { name: 'Answered meanwhile', value: formatCount(answered) },
    { name: 'With an error', value: formatCount(failed), isBad: failed > 0 },
  );
  if (rollout.state !== 'running')
    facts.push({
      name: 'Lost',
      value: lost === null ? 'not known' : formatCount(lost),
      isBad: lost !== null && lost > 0,
    });
  return facts;
}

/** "3.2 s, nothing lost": the end of the line that names it. Empty while it runs. */
export function summaryText({ state, duration_ms: ms, invocations: { lost } }: Rollout): string {
  if (state === 'running') return '';
  const took = ms === undefined ? [] : [`took ${formatDuration(ms)}`];
  const loss = lost === null ? 'losses not known' : lost === 0 ? 'nothing lost' : `${formatCount(lost)} lost`;
  return [...took, loss].join(', ');
}

/** What is known of an instance that came, in the order in which it happened. */
export function instanceFacts({ ready_ms, self_test_ms, replaced, drain_ms }: RolloutInstance): string[] {
  const facts: string[] = [];
  if (ready_ms !== undefined) facts.push(`ready in ${formatDuration(ready_ms)}`);
  if (self_test_ms !== undefined) facts.push(`self-test ${formatDuration(self_test_ms)}`);
  if (replaced !== undefined) {
    const end = drain_ms === undefined ? '' : `, which ended in ${formatDuration(drain_ms)}`;
    facts.push(`replaced ${replaced}${end}`);
  }
  return facts;
}

export const ruleTexts: Record<ContractRule, string> = {
  capability_gone: 'It is gone.',
  input_required: 'It needs an input that callers do not send yet.',
  input_narrowed: 'It takes less than before.',
  output_optional: 'Its output may lack what was always there.',
  output_widened: 'Its output may hold what it never held.',
  flag_changed: 'It is invoked in another way.',
};

/** Above what a new version breaks. */
export const breaksTitles: Record<RolloutState, string> = {
  running: 'What it breaks',
  done: 'Broken, and forced',
  failed: 'What it would break',
};

/** Said of a rollout that failed. @param serving the version that runs now; undefined when nothing does */
export function aftermathText({ from }: Rollout, serving: string | undefined): string {
  if (serving === undefined) return 'Nothing runs now.';
  return serving === from ? `Nothing has changed: ${from} goes on serving.` : `${serving} serves now.`;
}

/** How many instances a rollout still has to bring, as far as the wish for instances tells. */
export function waitingCount({ state, instances }: Rollout, replicas: number): number {
  return state === 'running' ? Math.max(0, replicas - instances.length) : 0;
}
