import { isStatus, pluginStatus } from '@bkg/sdk/protocol';
import type { PluginInfo } from '@bkg/sdk/protocol';
import { dueAt, wasAwayAt } from './outages.ts';
import type { Outage } from './outages.ts';
import type { PartName } from './plan.ts';
import type { InstanceTruth } from './truth.ts';

/** After an exit, and after an event loop or a process has come to a stand, or goes on. */
export const exitBoundMs = 3_000;
export const hangBoundMs = 10_000;
/** What only a process can be, and what a plugin without an instance can be. */
const livingWords: readonly string[] = ['starting', 'running', 'stopping'];
const emptyWords: readonly string[] = ['stopped', 'starting', 'error'];
/**
 * A lease is stale after five seconds: from then on what the supervisor does not vouch for is marked. Of a gateway that
 * stands still the dashboard itself notices that it is silent.
 */
const [leaseMs, silenceMs] = [6_000, 10_000];

/** What somebody is shown of a plugin. */
export type Shown = Pick<PluginInfo, 'id' | 'status' | 'unknown_since'> & {
  instances: readonly Pick<PluginInfo['instances'][number], 'instance' | 'status'>[];
};

export interface Known {
  /** When it was begun to look. */
  begunAt: number;
  truth: ReadonlyMap<string, InstanceTruth>;
  /** What the system says at this moment. */
  isAlive: (one: InstanceTruth) => boolean;
  outages: readonly Outage[];
  /** On top of every bound. */
  toleranceMs: (from: number, to: number) => number;
}

/** Whether it is known what parts were away at a time: before that nothing that was shown can be judged. */
export function isKnown(at: number, { outages }: Pick<Known, 'outages'>): boolean {
  return outages.every((one) => wasAwayAt(one, at) !== undefined);
}

/** Whether every part has been at work for so long that everybody must know of it. */
export function isUndisturbed(
  at: number,
  { begunAt, outages, toleranceMs }: Pick<Known, 'begunAt' | 'outages' | 'toleranceMs'>,
): boolean {
  const isLongAfter = (since: number): boolean => at > since + hangBoundMs + toleranceMs(since, at);
  return isLongAfter(begunAt) && outages.every(({ from, until }) => at < from || isLongAfter(until));
}

/** What is false in what is shown at a time, each as a sentence with the instance it is about. */
export function falseClaims(plugin: Shown, at: number, known: Known): string[] {
  const { id, status, instances, unknown_since } = plugin;
  const words = [status, ...instances.map((one) => one.status)];
  const wrong = words.filter((word) => !isStatus(word)).map((word) => `${id} is shown as "${word}"`);
  // What is marked as unknown claims nothing else.
  if (unknown_since !== undefined)
    return isUndisturbed(at, known)
      ? [...wrong, `${id} is marked as unknown since ${unknown_since}, and no part is away`]
      : wrong;
  const ofInstances = instances.map((one) => one.status);
  if (instances.length > 0 && status !== pluginStatus(ofInstances, true))
    wrong.push(`${id} is shown as ${status}, and its instances as ${ofInstances.join(', ')}`);
  if (instances.length === 0 && isStatus(status) && !emptyWords.includes(status))
    wrong.push(`${id} is shown as ${status} without an instance`);
  for (const { instance, status: claimed } of instances) {
    const how = falseOf(claimed, known.truth.get(instance), at, known);
    if (how) wrong.push(`${id} ${instance} is shown as ${claimed}${how}`);
  }
  for (const one of known.truth.values()) {
    if (one.plugin !== id || one.goneAt !== undefined) continue;
    if (instances.some(({ instance }) => instance === one.instance)) continue;
    if (isOver(one.seenAt, at, 'hang', known) && known.isAlive(one))
      wrong.push(`${id} is shown without ${one.instance}, which is there for ${seconds(at - one.seenAt)}`);
  }
  return wrong;
}

/** How the claim about one instance is false, as the end of a sentence; undefined when it may be true. */
function falseOf(
  claimed: string,
  one: InstanceTruth | undefined,
  at: number,
  known: Known,
): string | undefined {
  if (!one) return undefined;
  const { goneAt, seenAt, hung } = one;
  if (goneAt !== undefined && goneAt <= at)
    return livingWords.includes(claimed) && isOver(goneAt, at, 'exit', known)
      ? ` ${seconds(at - goneAt)} after its end`
      : undefined;
  const hang = hung.find(({ from, until }) => from <= at && at < until);
  if (claimed === 'running' && hang && isOver(hang.from, at, 'hang', known))
    return `, and stands still for ${seconds(at - hang.from)}`;
  const wellSince = Math.max(seenAt, ...hung.map(({ until }) => until));
  if (claimed === 'error' && !hang && isOver(wellSince, at, 'hang', known) && known.isAlive(one))
    return `, and nothing is wrong with it for ${seconds(at - wellSince)}`;
  return undefined;
}

/** Whether it must be shown by now, long after it has happened. */
function isOver(
  happenedAt: number,
  at: number,
  bound: 'exit' | 'hang',
  { outages, toleranceMs }: Pick<Known, 'outages' | 'toleranceMs'>,
): boolean {
  const boundMs = bound === 'exit' ? exitBoundMs : hangBoundMs;
  const markMs = (part: PartName): number => (part === 'gateway' || bound === 'hang' ? silenceMs : leaseMs);
  return at > dueAt(happenedAt, boundMs, { at, outages, markMs }) + toleranceMs(happenedAt, at);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
