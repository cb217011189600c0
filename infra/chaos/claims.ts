import { isStatus, pluginStatus } from '@bkg/sdk/protocol';
import type { PluginInfo } from '@bkg/sdk/protocol';
import { dueAt } from './outages.ts';
import type { Outage } from './outages.ts';
import type { PartName } from './plan.ts';
import type { InstanceTruth } from './truth.ts';

/** After an exit, and after an event loop or a process has come to a stand. */
export const exitBoundMs = 3_000;
export const hangBoundMs = 10_000;
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
  truth: ReadonlyMap<string, InstanceTruth>;
  outages: readonly Outage[];
  /** On top of every bound. */
  toleranceMs: (from: number, to: number) => number;
}

/** What is false in what is shown at a time, each as a sentence with the instance it is about. */
export function falseClaims(plugin: Shown, at: number, { truth, outages, toleranceMs }: Known): string[] {
  const { id, status, instances, unknown_since } = plugin;
  const words = [status, ...instances.map((one) => one.status)];
  const wrong = words.filter((word) => !isStatus(word)).map((word) => `${id} is shown as "${word}"`);
  // What is marked as unknown claims nothing.
  if (unknown_since !== undefined) return wrong;
  const ofInstances = instances.map((one) => one.status);
  if (instances.length > 0 && status !== pluginStatus(ofInstances, true))
    wrong.push(`${id} is shown as ${status}, and its instances as ${ofInstances.join(', ')}`);
  const isOver = (happenedAt: number, bound: 'exit' | 'hang'): boolean => {
    const boundMs = bound === 'exit' ? exitBoundMs : hangBoundMs;
    const markMs = (part: PartName): number => (part === 'gateway' || bound === 'hang' ? silenceMs : leaseMs);
    const due = dueAt(happenedAt, boundMs, { at, outages, markMs });
    return at > due + toleranceMs(happenedAt, at);
  };
  for (const { instance, status: claimed } of instances) {
    const known = truth.get(instance);
    if (claimed !== 'running' || !known) continue;
    const name = `${id} ${instance}`;
    const { goneAt, hung } = known;
    if (goneAt !== undefined && isOver(goneAt, 'exit'))
      wrong.push(`${name} is shown as running ${seconds(at - goneAt)} after its end`);
    const hang = hung.find(({ from, until }) => from <= at && at < until);
    if (hang && goneAt === undefined && isOver(hang.from, 'hang'))
      wrong.push(`${name} is shown as running, and stands still for ${seconds(at - hang.from)}`);
  }
  return wrong;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
