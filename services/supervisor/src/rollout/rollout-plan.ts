import type { Descriptor, PluginConfig, RolloutVerb } from '@bkg/sdk';
import { now } from '../clock.ts';
import { configOf, followsManifest } from '../desired-state.ts';
import type { Circumstances, DesiredPlugin } from '../desired-state.ts';
import type { Plugin, Target } from '../plugin.ts';
import type { Ordered } from '../read-order.ts';

/** What a rollout is to do. */
export interface RolloutPlan {
  pluginId: string;
  verb: RolloutVerb;
  by: string;
  why: string;
  /** Whatever the rules of a contract say. */
  force: boolean;
  singleWriter: boolean;
  /** The version that is wanted now. */
  from: string;
  target: Target & { version: string };
  /** What is wanted again when it fails. */
  before: {
    target: Target;
    config: PluginConfig;
    /** How that configuration is written again. */
    circumstances: Omit<Circumstances, 'by' | 'why'>;
  };
  /** What the instances of today say of themselves, where another version shall keep to it. */
  contract?: Descriptor | undefined;
  /** It is written that the new instances are wanted, before there is one. */
  isCommitted: boolean;
}

/** The next millisecond: times are kept without fractions, and what was launched in this one was launched before. */
export function nextMs(): number {
  return Math.floor(now()) + 1;
}

export function planOf(
  plugin: Plugin,
  { config, run }: DesiredPlugin,
  target: Target & { version: string },
  order: Ordered & Pick<RolloutPlan, 'verb' | 'isCommitted'> & { force?: boolean },
): RolloutPlan {
  const { value } = config;
  const from = run.value.version;
  return {
    pluginId: plugin.id,
    verb: order.verb,
    by: order.by,
    why: order.why,
    force: order.force ?? false,
    singleWriter:
      plugin.isSingleWriter ||
      plugin.sources.some((one) => one.version === target.version && one.manifest?.single_writer === true),
    from,
    target,
    before: {
      target: plugin.target,
      config: configOf(value),
      circumstances: {
        version: value.version ?? from,
        restores: value.restores ?? value.revision,
        ...(followsManifest(value) && { of_manifest: true }),
      },
    },
    // The same version, or one that nobody has seen run, has nothing to keep to.
    ...(order.verb !== 'restart' && order.verb !== 'configure' && { contract: plugin.lastSaid }),
    isCommitted: order.isCommitted,
  };
}
