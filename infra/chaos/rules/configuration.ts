import type { ConfigRevision, PluginConfig, PluginInfo } from '@bkg/sdk/protocol';
import type { WrittenRevision } from '../operator.ts';
import type { PluginId } from '../plan.ts';
import type { Promised } from '../promises.ts';
import type { Verdict } from './verdict.ts';

export type History = ReadonlyMap<number, ConfigRevision>;

export interface ConfigurationEvidence {
  plugins: readonly PluginInfo[];
  counters: ReadonlyMap<PluginId, Promised>;
  versions: ReadonlyMap<PluginId, Promised>;
  replicas: Promised;
  written: readonly WrittenRevision[];
  history: ReadonlyMap<PluginId, History>;
}

/**
 * What was acknowledged is there, or something that was ordered later; and the history knows it. What no instance could be
 * given the supervisor takes back: then the history says so.
 */
export function judgeConfiguration(evidence: ConfigurationEvidence): Verdict {
  const { plugins, counters, versions, replicas, written, history } = evidence;
  const flaws: string[] = [];
  const compare = (promised: Promised | undefined, found: unknown): void => {
    if (promised && !promised.allowed.includes(found))
      flaws.push(
        `${promised.name} is ${String(found)}; it may be ${promised.allowed.map(String).join(' or ')}`,
      );
  };
  for (const id of counters.keys())
    if (!plugins.some((one) => one.id === id)) flaws.push(`${id} is not there any more`);
  if (written.length === 0) flaws.push('no configuration was ever acknowledged');
  for (const { id, config, version } of plugins) {
    const kept: History = history.get(id as PluginId) ?? new Map();
    compare(counters.get(id as PluginId), counterOf(lastOrdered(kept)?.config ?? config));
    if (counters.has(id as PluginId)) flaws.push(...inventedBy(kept, config));
    compare(versions.get(id as PluginId), version);
    if (id === 'echo') compare(replicas, config.replicas);
  }
  for (const { plugin, revision, counter } of written) {
    const kept: History = history.get(plugin) ?? new Map();
    // Only the latest are kept.
    if (kept.size > 0 && revision < Math.min(...kept.keys())) continue;
    const config = kept.get(revision)?.config;
    if (!config) flaws.push(`${plugin}: the acknowledged revision ${revision} is not in its history`);
    else if (counterOf(config) !== counter)
      flaws.push(
        `${plugin}: revision ${revision} has counter ${counterOf(config)} in its history, not ${counter}`,
      );
  }
  const others = [...versions.values(), replicas].reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  const takenBack = [...history.values()].flatMap((kept) => [...kept.values()].filter(isTakenBack)).length;
  return {
    rule: 'no acknowledged configuration was lost',
    flaws,
    counted:
      `${written.length} acknowledged configurations, ${others} acknowledged swaps and scalings; ` +
      `${takenBack} revisions that the supervisor has taken back`,
  };
}

/** What counts is what others have ordered. */
function lastOrdered(kept: History): ConfigRevision | undefined {
  const ordered = [...kept.values()].filter((one) => !isTakenBack(one));
  return ordered.sort((a, b) => b.revision - a.revision)[0];
}

function isTakenBack({ by, why }: ConfigRevision): boolean {
  return by === 'supervisor' && why !== '';
}

/** What is in force, and nobody has ordered it. */
function inventedBy(kept: History, config: PluginConfig): string[] {
  const counter = counterOf(config);
  const { id, revision } = config;
  const last = kept.get(revision);
  if (kept.size > 0 && (!last || counterOf(last.config) !== counter || revision < Math.max(...kept.keys())))
    return [`${id} has revision ${revision} with counter ${counter}, and its history ends otherwise`];
  const isBefore = [...kept.values()].some(
    (one) => one.revision < revision && counterOf(one.config) === counter,
  );
  if (last && isTakenBack(last) && !isBefore)
    return [`${id}: revision ${revision} was taken back to counter ${counter}, which never was`];
  return [];
}

function counterOf({ settings, env }: PluginConfig): number | undefined {
  const counter = settings['counter'] ?? env['COUNTER'];
  return counter === undefined ? undefined : Number(counter);
}
