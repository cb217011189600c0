import { isDeepStrictEqual } from 'node:util';
import { BkgError, subjects } from '@bkg/sdk';
import type { PluginConfig, PluginInfo, RollbackOrder, SwapOrder } from '@bkg/sdk';
import { configOf, followsManifest } from '../desired-state.ts';
import type { Circumstances, DesiredPlugin, DesiredState, StoredConfig } from '../desired-state.ts';
import { configureInTurn, orderInTurn } from '../in-turn.ts';
import { refuseKeyKeeperWithout } from '../key-keeper.ts';
import {
  knownPlugin,
  notManaged,
  notRead,
  notStartable,
  refuseDuringRollout,
  refuseUnlessHeld,
  shutsDown,
  whenRead,
} from '../known-plugin.ts';
import type { Lease } from '../lease.ts';
import { firstConfig } from '../manifest.ts';
import { refuseWithoutMemory } from './memory-check.ts';
import type { Plugin } from '../plugin.ts';
import type { PluginSource } from '../plugin-folders.ts';
import type { Plugins } from '../plugins.ts';
import { readOrder } from '../read-order.ts';
import type { Ordered } from '../read-order.ts';
import type { ReconcileLoop } from '../reconcile-loop.ts';
import { nextMs, planOf } from './rollout-plan.ts';
import type { RolloutPlan } from './rollout-plan.ts';
import { runOf, within } from './rollouts.ts';
import type { Rollouts } from './rollouts.ts';
import type { Timings } from '../timings.ts';

export interface RolloutOrdersOptions {
  plugins: Plugins;
  desiredState: Pick<DesiredState, 'order' | 'configure' | 'history'>;
  rollouts: Pick<Rollouts, 'begin'>;
  loop: Pick<ReconcileLoop, 'mayRun'>;
  lease: Pick<Lease, 'isHeld'>;
  timings: Pick<Timings, 'controlWaitMs' | 'scanEveryMs'>;
}

/** What a rollout leads to: a version with its configuration. */
interface Goal {
  source: PluginSource;
  config: PluginConfig;
  circumstances: Pick<Circumstances, 'restores' | 'of_manifest'>;
}

/** Carries out orders that replace a plugin's instances while it is used. */
export class RolloutOrders {
  readonly #options: RolloutOrdersOptions;

  constructor(options: RolloutOrdersOptions) {
    this.#options = options;
  }

  /** Another version instead of that which is wanted now. @throws BkgError as the protocol lists them under Control */
  async swap(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const order = readOrder('SwapOrder', body);
    const { plugin, desired } = await this.#replaceable(id, 'swap', signal);
    const source = sourceOf(plugin, order.version);
    const { value } = desired.config;
    const isOfManifest = followsManifest(value);
    const config = isOfManifest && source.manifest ? firstConfig(source.manifest) : configOf(value);
    const goal = { source, config, circumstances: { ...(isOfManifest && { of_manifest: true }) } };
    return this.#rollTo(plugin, desired, goal, { ...order, verb: 'swap' }, signal);
  }

  /**
   * An earlier configuration and its version.
   * @param mayRestoreAll whether `env` and `sandbox` may be others then
   */
  async rollback(id: string, body: unknown, signal: AbortSignal, mayRestoreAll = true): Promise<PluginInfo> {
    const order = readOrder('RollbackOrder', body);
    const { plugin } = await this.#replaceable(id, 'roll back', signal);
    const history = await this.#options.desiredState.history(id);
    const { desired } = plugin;
    if (!desired) throw notRead(plugin);
    refuseDuringRollout(plugin, 'roll back');
    const earlier = earlierOf(id, history, desired.config.value, order.to);
    if (!mayRestoreAll) refuseToRestore(id, earlier, desired.config.value);
    const source = sourceOf(plugin, earlier.version ?? desired.run.value.version);
    const { manifest } = source;
    // What plugin.json said then and does not say now would be written over at once.
    const isOfManifest =
      followsManifest(earlier) &&
      manifest !== undefined &&
      isDeepStrictEqual({ ...firstConfig(manifest), revision: earlier.revision }, configOf(earlier));
    const goal = {
      source,
      config: configOf(earlier),
      circumstances: {
        restores: earlier.restores ?? earlier.revision,
        ...(isOfManifest && { of_manifest: true }),
      },
    };
    return this.#rollTo(plugin, desired, goal, { ...order, verb: 'rollback' }, signal);
  }

  /** New instances of what is wanted already; of a plugin that runs. */
  async restart(plugin: Plugin, order: Ordered, signal: AbortSignal): Promise<PluginInfo> {
    const { desired, source } = plugin;
    if (!desired || !source) throw notRead(plugin);
    const target = { version: source.version ?? desired.run.value.version, notBefore: nextMs() };
    const plan = planOf(plugin, desired, target, { ...order, verb: 'restart', isCommitted: true });
    return this.#roll(plugin, plan, order, signal, () =>
      orderInTurn(plugin, this.#options.desiredState, ({ run }) => ({
        ...runOf(run.value, target),
        want: 'running',
        by: order.by,
        at: new Date().toISOString(),
      })),
    );
  }

  /** @throws BkgError */
  async #replaceable(
    id: string,
    verb: string,
    signal: AbortSignal,
  ): Promise<{ plugin: Plugin; desired: DesiredPlugin }> {
    const { plugins, loop, lease } = this.#options;
    const plugin = knownPlugin(plugins, id);
    if (!plugin.source) throw notManaged(id, verb);
    if (!loop.mayRun) throw shutsDown();
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    refuseUnlessHeld(lease);
    refuseDuringRollout(plugin, verb);
    if (!plugin.desired) throw plugin.problem ? notStartable(id, plugin.problem) : notRead(plugin);
    return { plugin, desired: plugin.desired };
  }

  async #rollTo(
    plugin: Plugin,
    desired: DesiredPlugin,
    { source, config, circumstances }: Goal,
    order: (SwapOrder | RollbackOrder) & Ordered & { verb: 'swap' | 'rollback' },
    signal: AbortSignal,
  ): Promise<PluginInfo> {
    refuseKeyKeeperWithout(config);
    const version = source.version ?? '';
    const from = desired.run.value.version;
    // A rollback of the configuration alone needs no new instances where these can take it over.
    const isOfVersion = order.verb === 'swap' || version !== from;
    const target = isOfVersion ? { version, notBefore: nextMs() } : plugin.target;
    const isReplacing = plugin.ready.length > 0 && !plugin.isSingleWriter;
    if (plugin.isWanted && isReplacing)
      refuseWithoutMemory(plugin, 1, 'start the new one beside the old one');
    const plan = planOf(plugin, desired, { ...target, version }, { ...order, isCommitted: !isOfVersion });
    return this.#roll(plugin, plan, order, signal, () =>
      configureInTurn(plugin, this.#options.desiredState, (kept) => {
        if (kept.config.revision !== desired.config.revision)
          throw new BkgError(
            'CONFLICT',
            `The configuration of ${plugin.id} was changed meanwhile; repeat it.`,
          );
        const why = order.why || `${order.verb} to ${version}`;
        const marks = isOfVersion ? { from_version: from } : {};
        return { config, circumstances: { ...circumstances, ...marks, version, by: order.by, why } };
      }),
    );
  }

  /** @throws BkgError why it failed; DEADLINE_EXCEEDED while it goes on */
  async #roll(
    plugin: Plugin,
    plan: RolloutPlan,
    { wait }: Ordered,
    signal: AbortSignal,
    write: () => Promise<unknown>,
  ): Promise<PluginInfo> {
    const { rollouts, timings, loop } = this.#options;
    const { done } = await rollouts.begin(plugin, plan, write);
    if (wait) await within(done, plugin, timings.controlWaitMs, signal);
    return plugin.info(loop.mayRun);
  }
}

/** @throws BkgError CONFLICT */
function sourceOf({ id, sources, versions }: Plugin, version: string): PluginSource {
  const found = sources.find((one) => one.version === version);
  if (found?.problem) throw notStartable(`${id} ${version}`, found.problem);
  if (found?.manifest) return found;
  throw new BkgError(
    'CONFLICT',
    `Version ${version.slice(0, 64)} of ${id} lies in no plugin folder; there ${versions.length === 1 ? 'is' : 'are'} ${versions.join(', ') || 'none'}.`,
  );
}

/** @throws BkgError FORBIDDEN */
function refuseToRestore(id: string, earlier: StoredConfig, current: StoredConfig): void {
  if (isDeepStrictEqual(earlier.env, current.env) && earlier.sandbox === current.sandbox) return;
  throw new BkgError(
    'FORBIDDEN',
    `Revision ${earlier.revision} of the configuration of ${id} has another "env" or "sandbox" than is in force, and only an admin may bring those back: order it with the key of an admin, over HTTP or on ${subjects.controlBy('rollback', id, '<prefix>')} as that key.`,
  );
}

/** @param history newest first @throws BkgError CONFLICT */
function earlierOf(
  id: string,
  history: readonly StoredConfig[],
  current: StoredConfig,
  to: number | undefined,
): StoredConfig {
  const base = current.restores ?? current.revision;
  const found = history.find(({ revision }) => (to === undefined ? revision < base : revision === to));
  if (found) return found;
  const kept = history.map(({ revision }) => revision);
  const of = `of the configuration of ${id}`;
  const what =
    to === undefined ? `There is no revision ${of} before ${base}` : `Revision ${to} ${of} is not kept`;
  throw new BkgError('CONFLICT', `${what}; kept are ${kept.join(', ')}.`);
}
