import type { ContractRule, Rollout, RolloutInstance, RolloutState, RolloutVerb } from '@bkg/sdk/protocol';
import { formatCount, formatDuration } from '../format.ts';
import { isOvertakenByStop } from './refusal.ts';

const names: Record<RolloutVerb | 'redeploy', Record<RolloutState, string>> = {
  swap: { running: 'Swapping', done: 'Swapped', failed: 'Swap failed:' },
  redeploy: { running: 'Redeploying', done: 'Redeployed', failed: 'Redeploy failed:' },
  restart: { running: 'Restarting', done: 'Restarted', failed: 'Restart failed:' },
  configure: { running: 'Reconfiguring', done: 'Reconfigured', failed: 'Reconfiguring failed:' },
  rollback: { running: 'Rolling back', done: 'Rolled back', failed: 'Rollback failed:' },
};

/** "Swapped 1.0.0 → 1.1.0": what a rollout is called, by what has become of it. */
export function rolloutTitle(rollout: Rollout): string {
  const { verb, state, from, to } = rollout;
  const isSame = from === to;
  const versions = isSame ? to : `${from} → ${to}`;
  if (isChoice(rollout)) return `Chosen for the next start: ${versions}`;
  const name = names[verb === 'swap' && isSame ? 'redeploy' : verb][state];
  return `${isEndedByStop(rollout) ? name.replace('failed', 'ended by the order to stop it') : name} ${versions}`;
}

/** Of a plugin that did not run: nothing was replaced, and nothing tells yet whether the other version runs at all. */
export function isChoice({ verb, state, instances, from, to }: Rollout): boolean {
  // A rollback without another version can be one that the instances took over as they ran.
  const isAboutVersion = verb === 'swap' || (verb === 'rollback' && from !== to);
  return state === 'done' && instances.length === 0 && isAboutVersion;
}

/** Somebody has stopped the plugin meanwhile: that is what was wished for, and no failure. */
export function isEndedByStop({ state, error = '' }: Pick<Rollout, 'state' | 'error'>): boolean {
  return state === 'failed' && isOvertakenByStop(error);
}

/**
 * What a rollout that runs is doing now, a sentence; undefined when it has ended.
 * @param goesOn the version of before serves, and nobody has ordered to stop it
 */
export function stepText({ state, step, instances, from, to }: Rollout, goesOn: boolean): string | undefined {
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
      return goesOn ? `Taking everything back; ${from} goes on.` : 'Taking everything back.';
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

/** Of a figure that comes when the rollout has ended; its place is there before, so that nothing jumps. */
const later = '–';

/** What is counted and measured of a rollout; invocations are counted when it has ended. */
export function factsOf(rollout: Rollout): Fact[] {
  if (isChoice(rollout)) return [];
  const facts: Fact[] = [];
  if (rollout.state === 'running') facts.push({ name: 'Took', value: later });
  else if (rollout.duration_ms !== undefined)
    facts.push({ name: 'Took', value: formatDuration(rollout.duration_ms) });
  if (rollout.paused_ms !== undefined)
    facts.push({ name: 'None answered for', value: formatDuration(rollout.paused_ms) });
  return [...facts, ...invocationFacts(rollout)];
}

function invocationFacts({ state, instances, invocations }: Rollout): Fact[] {
  if (state === 'running')
    return ['Answered meanwhile', 'With an error', 'Lost'].map((name) => ({ name, value: later }));
  const { lost } = invocations;
  // Whoever counted was interrupted: its zeros say nothing.
  const isUncounted = state === 'failed' && instances.length === 0 && lost === null;
  const answered = isUncounted ? null : invocations.answered;
  const failed = isUncounted ? null : invocations.failed;
  return [
    { name: 'Answered meanwhile', value: countText(answered) },
    { name: 'With an error', value: countText(failed), isBad: failed !== null && failed > 0 },
    { name: 'Lost', value: countText(lost), isBad: lost !== null && lost > 0 },
  ];
}

function countText(count: number | null): string {
  return count === null ? 'not known' : formatCount(count);
}

/**
 * "3.2 s, nothing lost": the end of the line that names it. Empty while it runs.
 * @param isRunning the plugin runs in the version that the rollout was to bring
 */
export function summaryText(rollout: Rollout, isRunning: boolean): string {
  const {
    state,
    duration_ms: ms,
    invocations: { lost },
  } = rollout;
  if (state === 'running') return '';
  if (isChoice(rollout)) return isRunning ? 'it has started since' : 'not tested yet';
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
  type_changed: 'It takes or gives another kind of content.',
};

/** Above what a new version breaks. */
export const breaksTitles: Record<RolloutState, string> = {
  running: 'What it breaks',
  done: 'Broken, and forced',
  failed: 'What it would break',
};

/** Said of a rollout that has ended. @param serving the version that runs now; undefined when nothing does */
export function aftermathText({ state, from }: Rollout, serving: string | undefined): string {
  if (serving === undefined) return 'Nothing runs now.';
  return state === 'failed' && serving === from
    ? `Nothing has changed: ${from} goes on serving.`
    : `${serving} serves now.`;
}

/** How many instances a rollout still has to bring, as far as the wish for instances tells. */
export function waitingCount({ state, instances }: Rollout, replicas: number): number {
  return state === 'running' ? Math.max(0, replicas - instances.length) : 0;
}
