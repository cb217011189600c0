import type { PluginConfig, PluginInfo } from '@bkg/sdk';
import type { WrittenRevision } from '../operator.ts';
import type { PluginId } from '../plan.ts';
import type { Promised } from '../promises.ts';
import type { Verdict } from './verdict.ts';

export interface ConfigurationEvidence {
  plugins: readonly PluginInfo[];
  counters: ReadonlyMap<PluginId, Promised>;
  versions: ReadonlyMap<PluginId, Promised>;
  replicas: Promised;
  written: readonly WrittenRevision[];
  history: ReadonlyMap<PluginId, ReadonlyMap<number, PluginConfig>>;
}

/** What was acknowledged is there, or something that was ordered later; and the history knows it. */
export function judgeConfiguration(evidence: ConfigurationEvidence): Verdict {
  const { plugins, counters, versions, replicas, written, history } = evidence;
  const flaws: string[] = [];
  const compare = (promised: Promised | undefined, found: unknown): void => {
    if (promised && !promised.allowed.includes(found))
      flaws.push(
        `${promised.name} is ${String(found)}; it may be ${promised.allowed.map(String).join(' or ')}`,
      );
  };
  for (const { id, config, version } of plugins) {
    compare(counters.get(id as PluginId), counterOf(config));
    compare(versions.get(id as PluginId), version);
    if (id === 'echo') compare(replicas, config.replicas);
  }
  for (const { plugin, revision, counter } of written) {
    const kept = history.get(plugin) ?? new Map<number, PluginConfig>();
    // Only the latest are kept.
    if (revision < Math.min(...kept.keys())) continue;
    const config = kept.get(revision);
    if (!config) flaws.push(`${plugin}: the acknowledged revision ${revision} is not in its history`);
    else if (counterOf(config) !== counter)
      flaws.push(
        `${plugin}: revision ${revision} has counter ${counterOf(config)} in its history, not ${counter}`,
      );
  }
  const others = [...versions.values(), replicas].reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  return {
    rule: 'no acknowledged configuration was lost',
    flaws,
    counted: `${written.length} acknowledged configurations, ${others} acknowledged swaps and scalings`,
  };
}

function counterOf({ settings, env }: PluginConfig): number | undefined {
  const counter = settings['counter'] ?? env['COUNTER'];
  return counter === undefined ? undefined : Number(counter);
}
