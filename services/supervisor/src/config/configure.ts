import { isDeepStrictEqual } from 'node:util';
import { BkgError, configDefaults, shownConfig } from '@bkg/sdk';
import type { PluginConfig, PluginInfo } from '@bkg/sdk';
import { changedConfig, readConfigChange } from './config-change.ts';
import { configOf } from '../desired-state.ts';
import type { DesiredState } from '../desired-state.ts';
import { configureInTurn } from '../in-turn.ts';
import { refuseKeyKeeperWithout } from '../key-keeper.ts';
import {
  knownPlugin,
  notManaged,
  notRead,
  refuseDuringRollout,
  refuseUnlessHeld,
  shutsDown,
  whenRead,
} from '../known-plugin.ts';
import { crashOf } from '../last-words.ts';
import type { Lease } from '../lease.ts';
import { firstConfig } from '../manifest.ts';
import { refuseWithoutMemory } from '../rollout/memory-check.ts';
import type { Plugin } from '../plugin.ts';
import type { PluginLogs } from '../plugin-logs.ts';
import type { Plugins } from '../plugins.ts';
import { ordered, readOrder, refuseOurNames } from '../read-order.ts';
import type { Ordered } from '../read-order.ts';
import type { ReconcileLoop } from '../reconcile-loop.ts';
import { planOf } from '../rollout/rollout-plan.ts';
import { within } from '../rollout/rollouts.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { Timings } from '../timings.ts';
import { seconds } from '../seconds.ts';

export interface ConfiguringOptions {
  plugins: Plugins;
  desiredState: Pick<DesiredState, 'configure'>;
  rollouts: Pick<Rollouts, 'begin'>;
  loop: Pick<ReconcileLoop, 'mayRun' | 'pass'>;
  lease: Pick<Lease, 'isHeld'>;
  logs: Pick<PluginLogs, 'lastOutput'>;
  timings: Pick<Timings, 'scanEveryMs' | 'controlWaitMs'>;
}

/** Gives plugins another configuration. */
export class Configuring {
  readonly #options: ConfiguringOptions;

  constructor(options: ConfiguringOptions) {
    this.#options = options;
  }

  /**
   * Changes a plugin's configuration, and waits until its instances have it: what they cannot take over while they run is
   * given to others that take their place.
   * @param body a ConfigChange
   * @throws BkgError PLUGIN_NOT_FOUND, INVALID_PAYLOAD, CONFLICT, PLUGIN_UNAVAILABLE, and why it failed with it
   */
  async configure(id: string, body: unknown, signal: AbortSignal): Promise<PluginConfig> {
    const plugin = knownPlugin(this.#options.plugins, id);
    const { by, why, wait, ...change } = readConfigChange(id, body);
    refuseOurNames(by);
    const order = ordered({
      ...(by != null && { by }),
      ...(why != null && { why }),
      ...(wait != null && { wait }),
    });
    const written = await this.#change(plugin, 'configure', order, signal, (current) => {
      if (change.revision !== current.revision) {
        throw new BkgError(
          'CONFLICT',
          `The configuration of ${id} has revision ${current.revision}, not ${change.revision}: it was changed meanwhile; read it again and repeat.`,
        );
      }
      return changedConfig(current, change, defaultsOf(plugin), plugin.lastSaid?.settings_schema);
    });
    return shownConfig(written);
  }

  /** Another number of instances. @throws BkgError as `configure` */
  async scale(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const order = readOrder('ScaleOrder', body);
    const plugin = knownPlugin(this.#options.plugins, id);
    const why = order.why || `scale to ${order.replicas}`;
    await this.#change(plugin, 'scale', { ...order, why }, signal, (current) => ({
      ...current,
      replicas: order.replicas,
    }));
    return plugin.info(this.#options.loop.mayRun);
  }

  /** @returns what is written; not read from the plugin again, which somebody may have cleared by then */
  async #change(
    plugin: Plugin,
    verb: 'configure' | 'scale',
    order: Ordered,
    signal: AbortSignal,
    change: (current: PluginConfig) => PluginConfig,
  ): Promise<PluginConfig> {
    const { lease, rollouts, loop } = this.#options;
    const { id } = plugin;
    if (!plugin.source && plugin.managed.size === 0) throw notManaged(id, verb);
    if (!loop.mayRun) throw shutsDown();
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    refuseUnlessHeld(lease);
    refuseDuringRollout(plugin, verb);
    // What was ordered before this is written.
    await plugin.writing;
    refuseDuringRollout(plugin, verb);
    const { desired } = plugin;
    if (!desired) throw unknown(plugin);
    const current = configOf(desired.config.value);
    const next = change(current);
    if (isDeepStrictEqual(next, current)) return current;
    refuseKeyKeeperWithout(next);
    if (next.enabled && next.replicas > current.replicas) refuseReplicas(plugin, next);
    const failuresBefore = plugin.failureCount;
    let written = next;
    const write = async (): Promise<void> => {
      written = await this.#write(plugin, change, order);
    };
    const step = plugin.stepTo(next);
    if (step === 'none') {
      await write();
      await this.#reached(plugin, verb, failuresBefore, order, signal);
      return written;
    }
    if (step === 'restart' && !plugin.isSingleWriter && next.enabled)
      refuseWithoutMemory(plugin, 1, 'give it to an instance that takes the place of another');
    const target = { ...plugin.target, version: desired.run.value.version };
    const plan = planOf(plugin, desired, target, { ...order, verb: 'configure', isCommitted: true });
    const { done } = await rollouts.begin(plugin, plan, write);
    if (order.wait) await within(done, plugin, this.#options.timings.controlWaitMs, signal);
    return written;
  }

  async #write(
    plugin: Plugin,
    change: (current: PluginConfig) => PluginConfig,
    { by, why }: Ordered,
  ): Promise<PluginConfig> {
    const { desiredState, plugins } = this.#options;
    try {
      const kept = await configureInTurn(
        plugin,
        desiredState,
        // Somebody else may have been first.
        ({ config, run }) => ({
          config: change(configOf(config.value)),
          circumstances: { by, why, version: run.value.version },
        }),
        unknown,
      );
      if (!kept) throw notRead(plugin);
      return configOf(kept.value);
    } finally {
      plugins.changed(plugin.id);
    }
  }

  /** As many instances as are wanted are there. */
  async #reached(
    plugin: Plugin,
    verb: string,
    failuresBefore: number,
    { wait }: Ordered,
    signal: AbortSignal,
  ): Promise<void> {
    const { plugins, loop, timings, logs } = this.#options;
    const hadFailed = plugin.setback.failures > 0;
    // Somebody has looked: it is tried again at once.
    if (hadFailed) plugin.clearSetback();
    loop.pass();
    if (!wait || hadFailed || !plugin.isWanted) return;
    const failed = await plugins.until(
      plugin.id,
      () => {
        if (plugin.failureCount > failuresBefore) return true;
        const { managed, ready, replicas } = plugin;
        const isReached = ready.length === replicas && managed.size === replicas;
        return isReached || !plugin.isWanted || !loop.mayRun ? false : undefined;
      },
      {
        withinMs: timings.controlWaitMs,
        onLate: () =>
          new BkgError(
            'DEADLINE_EXCEEDED',
            `${plugin.id} has ${plugin.ready.length} instances that are ready after ${seconds(timings.controlWaitMs)}, not ${plugin.replicas} yet; the order to ${verb} it stays.`,
          ),
        signal,
      },
    );
    if (failed) throw await crashOf(logs, plugin);
  }
}

/** @throws BkgError CONFLICT */
function refuseReplicas(plugin: Plugin, { replicas }: PluginConfig): void {
  if (plugin.isSingleWriter && replicas > 1) {
    throw new BkgError(
      'CONFLICT',
      `${plugin.id} owns files ("single_writer" in its plugin.json) and has one instance at most, not ${replicas}.`,
    );
  }
  if (plugin.isWanted)
    refuseWithoutMemory(
      plugin,
      replicas - plugin.managed.size,
      `run ${replicas} ${replicas === 1 ? 'instance' : 'instances'}`,
    );
}

function defaultsOf({ id, source }: Plugin): PluginConfig {
  return source?.manifest ? firstConfig(source.manifest) : { id, ...configDefaults };
}

/** It is not known what is wanted of it. */
function unknown(plugin: Plugin): BkgError {
  const { id, problem } = plugin;
  return problem ? new BkgError('CONFLICT', `${id} cannot be configured: ${problem}.`) : notRead(plugin);
}
