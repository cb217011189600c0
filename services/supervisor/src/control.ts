import { BkgError } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { now } from './clock.ts';
import { ofManifest } from './desired-state.ts';
import type { DesiredState, RunOrder } from './desired-state.ts';
import { inTurn, rereadOnFailure } from './in-turn.ts';
import { refuseToEndKeyKeeper } from './key-keeper.ts';
import {
  knownPlugin,
  notManaged,
  notRead,
  notStartable,
  refuseDuringRollout,
  refuseUnlessHeld,
  shutsDown,
  whenRead,
} from './known-plugin.ts';
import { crashOf } from './last-words.ts';
import type { Lease } from './lease.ts';
import type { Order, Plugin } from './plugin.ts';
import type { PluginLogs } from './plugin-logs.ts';
import type { Plugins } from './plugins.ts';
import { readOrder } from './read-order.ts';
import type { ReconcileLoop } from './reconcile-loop.ts';
import { refuseWithoutMemory } from './rollout/memory-check.ts';
import { nextMs } from './rollout/rollout-plan.ts';
import type { RolloutOrders } from './rollout/rollout-orders.ts';
import type { Timings } from './timings.ts';
import { seconds } from './seconds.ts';

export interface ControlOptions {
  plugins: Plugins;
  desiredState: Pick<DesiredState, 'order'>;
  loop: ReconcileLoop;
  lease: Pick<Lease, 'isHeld'>;
  logs: Pick<PluginLogs, 'lastOutput'>;
  rolloutOrders: Pick<RolloutOrders, 'restart'>;
  timings: Timings;
}

/** Carries out orders: writes what is wanted, and answers when it is so. */
export class Control {
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** @throws BkgError as the protocol lists them under Control */
  async start(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const { wait, by } = readOrder('ControlOptions', body);
    const plugin = knownPlugin(this.#options.plugins, id);
    // Without a detour when it is known, or orders would overtake one another.
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    this.#refuseUnlessStartable(plugin, 'start');
    const order = this.#give(plugin, 'start', by);
    await this.#write(plugin, order, { want: 'running' });
    return this.#await(plugin, order, wait, signal);
  }

  async restart(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const ordered = readOrder('ControlOptions', body);
    const plugin = knownPlugin(this.#options.plugins, id);
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    this.#refuseUnlessStartable(plugin, 'restart');
    refuseDuringRollout(plugin, 'restart');
    const isRolling = plugin.ready.length > 0;
    if (isRolling && !plugin.isSingleWriter)
      refuseWithoutMemory(plugin, 1, 'restart it one instance at a time');
    const order = this.#give(plugin, 'restart', ordered.by);
    // What serves is replaced while it does; otherwise nobody is lost.
    if (isRolling) return this.#options.rolloutOrders.restart(plugin, ordered, signal);
    await this.#write(plugin, order, { want: 'running', not_before: new Date(nextMs()).toISOString() });
    return this.#await(plugin, order, ordered.wait, signal);
  }

  async stop(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const { wait, by } = readOrder('ControlOptions', body);
    const plugin = knownPlugin(this.#options.plugins, id);
    if (!plugin.source && plugin.managed.size === 0) throw notManaged(id, 'stop');
    refuseToEndKeyKeeper(id, 'stopped');
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    const order = this.#give(plugin, 'stop', by);
    const { rollout } = plugin;
    rollout?.cancel(overtaken(id, rollout.plan.verb, 'stop', rollout.stays));
    await this.#write(plugin, order, { want: 'stopped' });
    return this.#await(plugin, order, wait, signal);
  }

  /** Drains every managed plugin and starts none any more; what is wanted stays as it is. */
  async shutdown(signal: AbortSignal): Promise<{ ok: true }> {
    const { loop, plugins, timings } = this.#options;
    loop.wantNothing();
    for (const { id } of plugins.all()) plugins.changed(id);
    const until = now() + timings.shutdownMs;
    for (const plugin of plugins.all()) {
      await plugins.until(plugin.id, () => plugin.managed.size === 0 || undefined, {
        withinMs: Math.max(1, until - now()),
        onLate: () =>
          new BkgError(
            'DEADLINE_EXCEEDED',
            `${plugin.id} has not ended within ${seconds(timings.shutdownMs)}.`,
          ),
        signal,
      });
    }
    return { ok: true };
  }

  #refuseUnlessStartable(plugin: Plugin, verb: Order['verb']): void {
    const { id, desired } = plugin;
    if (!this.#options.loop.mayRun) throw shutsDown();
    if (!plugin.source) throw notManaged(id, verb);
    if (plugin.problem) throw notStartable(id, plugin.problem);
    if (desired && !desired.config.value.enabled) {
      throw new BkgError('CONFLICT', `${id} is disabled by its configuration ("enabled": false).`);
    }
    if (desired && plugin.replicas === 0) {
      throw new BkgError('CONFLICT', `${id} is configured to have no instance ("replicas": 0).`);
    }
  }

  /** From here on earlier orders that want something else have lost. */
  #give(plugin: Plugin, verb: Order['verb'], by: string): Order {
    refuseUnlessHeld(this.#options.lease);
    const order: Order = { verb, by };
    plugin.order = order;
    this.#options.plugins.changed(plugin.id);
    return order;
  }

  async #write(plugin: Plugin, order: Order, wanted: Pick<RunOrder, 'want' | 'not_before'>): Promise<void> {
    await inTurn(plugin, async (desired) => {
      if (this.#hasLost(plugin, order)) return undefined;
      if (!desired && plugin.managed.size === 0 && wanted.want === 'stopped') return undefined;
      if (!desired) throw notRead(plugin);
      // It is wanted so already; a restart never is.
      const { want, by: before } = desired.run.value;
      if (want === wanted.want && before !== ofManifest && !wanted.not_before) return undefined;
      const value: RunOrder = {
        // What a rollout leads to it writes itself.
        version: (plugin.rollout ? undefined : plugin.source?.version) ?? desired.run.value.version,
        at: new Date().toISOString(),
        by: order.by,
        ...wanted,
      };
      const run = await rereadOnFailure(plugin, () =>
        this.#options.desiredState.order(plugin.id, desired.run, value),
      );
      return { ...desired, run };
    });
  }

  async #await(plugin: Plugin, order: Order, wait: boolean, signal: AbortSignal): Promise<PluginInfo> {
    const { loop, plugins, timings } = this.#options;
    this.#refuseWhenLost(plugin, order);
    const failuresBefore = plugin.failureCount;
    if (this.#outcome(plugin, order, failuresBefore) !== 'reached' || order.verb === 'stop')
      plugin.clearSetback();
    loop.pass();
    plugins.changed(plugin.id);
    if (!wait) return this.#info(plugin);
    const outcome = await plugins.until(plugin.id, () => this.#outcome(plugin, order, failuresBefore), {
      withinMs: timings.controlWaitMs,
      onLate: () =>
        new BkgError(
          'DEADLINE_EXCEEDED',
          `${plugin.id} is ${this.#info(plugin).status} after ${seconds(timings.controlWaitMs)}; the order to ${order.verb} it stays.`,
        ),
      signal,
    });
    if (outcome === 'failed') throw await crashOf(this.#options.logs, plugin);
    if (order.verb !== 'stop') await this.#described(plugin, signal);
    return this.#info(plugin);
  }

  /** Whoever has started it wants to know next what it can do; one that does not say so runs all the same. */
  async #described(plugin: Plugin, signal: AbortSignal): Promise<void> {
    const { plugins, timings } = this.#options;
    const late = new BkgError('DEADLINE_EXCEEDED', `${plugin.id} does not say what it can do.`);
    try {
      const isDescribed = (): true | undefined => plugin.isDescribed || undefined;
      await plugins.until(plugin.id, isDescribed, { withinMs: timings.answerMs, onLate: () => late, signal });
    } catch (error) {
      if (error !== late) throw error;
    }
  }

  /** Undefined: not yet. */
  #outcome(plugin: Plugin, order: Order, failuresBefore: number): 'reached' | 'failed' | undefined {
    this.#refuseWhenLost(plugin, order);
    if (order.verb === 'stop') return plugin.managed.size === 0 ? 'reached' : undefined;
    if (!this.#options.loop.mayRun) throw shutsDown();
    if (plugin.rollout) return undefined;
    if (plugin.failureCount > failuresBefore) return 'failed';
    if (!plugin.source && plugin.managed.size === 0) throw notManaged(plugin.id, order.verb);
    return plugin.ready.length >= plugin.replicas ? 'reached' : undefined;
  }

  #refuseWhenLost(plugin: Plugin, order: Order): void {
    if (!this.#hasLost(plugin, order)) return;
    throw overtaken(plugin.id, order.verb, plugin.order?.verb ?? 'do something else with');
  }

  /** Start and restart want the same in the end. */
  #hasLost(plugin: Plugin, order: Order): boolean {
    return (plugin.order?.verb === 'stop') !== (order.verb === 'stop');
  }

  #info(plugin: Plugin): PluginInfo {
    return plugin.info(this.#options.loop.mayRun);
  }
}

function overtaken(id: string, verb: string, by: string, stays = ''): BkgError {
  return new BkgError('CONFLICT', `The order to ${verb} ${id} was overtaken by one to ${by} it.${stays}`);
}
