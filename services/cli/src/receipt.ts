import type { ContractChange, PluginInfo, Rollout, RolloutInstance } from '@bkg/sdk/protocol';
import { age, count } from './figures.ts';
import { seconds } from './say.ts';
import type { Mark, Said } from './say.ts';
import { paint, printable, printableLine } from './terminal.ts';

/** What a plugin is after an order that replaces nothing. */
export function statusSaid({ status, error }: PluginInfo): Said {
  return { mark: markOf(status), text: error ? `${status}: ${error}` : status };
}

function markOf(status: PluginInfo['status']): Mark {
  if (status === 'error') return '✗';
  return status === 'running' || status === 'stopped' ? '✓' : '…';
}

/** Of an order that is not waited for. */
export function orderedSaid(plugin: string): Said {
  return { mark: '…', text: `ordered; \`bkg plugins ${printable(plugin)}\` shows how far it is` };
}

const rolloutMarks: Record<Rollout['state'], Mark> = { running: '…', done: '✓', failed: '✗' };

/** A rollout in a line, as `1.0.0 → 1.1.0, 2 new instances, 340 invocations answered, 0 failed, 0 lost`. */
export function rolloutSaid(rollout: Rollout): Said {
  const facts = [...versionFacts(rollout), ...stateFacts(rollout), ...countFacts(rollout)];
  return { mark: rolloutMarks[rollout.state], text: facts.join(', ') };
}

/** What a line has no place for: each instance that came, and what the new version says differently. */
export function rolloutDetails({ instances, contract }: Rollout): string[] {
  return [
    ...instances.map((one) => `      ${instanceText(one)}`),
    ...changeLines('callers will notice, by the rules of a contract', contract.breaks),
    ...changeLines('callers may notice', contract.unknown),
  ];
}

/** The last rollout on the page of a plugin. */
export function rolloutLines(rollout: Rollout, now: number): string[] {
  const { verb, state, step, by, why, started_at: at, duration_ms: ms } = rollout;
  const since = age((now - Date.parse(at)) / 1_000);
  const when = {
    running: `for ${since}: ${step ?? 'running'}`,
    done: `${since} ago${ms === undefined ? '' : `, in ${took(ms)}`}`,
    failed: `${since} ago, failed`,
  }[state];
  const head = [verb, ...versionFacts(rollout), 'by', printable(by)].join(' ');
  const error = state === 'failed' && rollout.error ? rollout.error.split('\n') : [];
  return [
    `  ${[`${head}, ${when}`, ...countFacts(rollout)].join(', ')}`,
    ...(why ? [`  why: ${printable(why)}`] : []),
    ...error.map((line) => paint('red', `  ${printable(line)}`)),
  ];
}

function versionFacts({ from, to }: Rollout): string[] {
  return from === to ? [] : [`${printable(from)} → ${printable(to)}`];
}

function stateFacts({ state, step, error }: Rollout): string[] {
  if (state === 'running') return [step ?? 'running'];
  return state === 'failed' ? [`failed: ${printableLine(error ?? 'it does not say why')}`] : [];
}

function countFacts({ state, instances, invocations, paused_ms: paused }: Rollout): string[] {
  if (state !== 'done') return [];
  const { answered, failed, lost } = invocations;
  return [
    `${instances.length} new ${instances.length === 1 ? 'instance' : 'instances'}`,
    ...(paused === undefined ? [] : [`paused for ${took(paused)}`]),
    `${count(answered)} ${answered === 1 ? 'invocation' : 'invocations'} answered`,
    `${count(failed)} failed`,
    lost === null ? 'how many were lost is not known' : `${count(lost)} lost`,
  ];
}

function instanceText(one: RolloutInstance): string {
  const { instance, version, ready_ms: ready, self_test_ms: tested, replaced, drain_ms: drained } = one;
  const went = replaced !== undefined && `for ${printable(replaced)}`;
  return [
    `${printable(instance)}  ${printable(version)}`,
    ready !== undefined && `ready in ${took(ready)}`,
    tested !== undefined && `self-test in ${took(tested)}`,
    went && (drained === undefined ? went : `${went}, drained in ${took(drained)}`),
  ]
    .filter(Boolean)
    .join(', ');
}

function changeLines(title: string, changes: readonly ContractChange[]): string[] {
  if (changes.length === 0) return [];
  return [
    `      ${title}:`,
    ...changes.map(
      ({ capability, path, detail }) =>
        `        ${printable([capability, path].filter(Boolean).join(' '))}  ${printable(detail)}`,
    ),
  ];
}

function took(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : seconds(ms);
}
