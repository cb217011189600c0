import { BkgError, createValidator } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { now } from './clock.ts';
import { ofManifest } from './desired-state.ts';
import type { DesiredState, RunOrder } from './desired-state.ts';
import { knownPlugin, notManaged, notRead, refuseUnlessHeld, whenRead } from './known-plugin.ts';
import type { Lease } from './lease.ts';
import type { Order, Plugin } from './plugin.ts';
import type { PluginLogs } from './plugin-logs.ts';
import type { Plugins } from './plugins.ts';
import { clearSetback } from './reconcile-loop.ts';
import type { ReconcileLoop } from './reconcile-loop.ts';
import type { Timings } from './timings.ts';
import { seconds } from './verdict.ts';

export interface ControlOptions {
  plugins: Plugins;
  desiredState: Pick<DesiredState, 'order'>;
  loop: ReconcileLoop;
  lease: Pick<Lease, 'isHeld'>;
  logs: Pick<PluginLogs, 'lastOutput'>;
  timings: Timings;
}

const lastLines = 20;
const lineMostChars = 500;

const validate = createValidator({
  type: 'object',
  properties: { wait: { type: 'boolean' } },
  additionalProperties: false,
});

/** Carries out orders: writes what is wanted, and answers when it is so. */
export class Control {
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** @throws BkgError as the protocol lists them under Control */
  async start(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const { wait } = readOptions(body);
    const plugin = knownPlugin(this.#options.plugins, id);
    // Without a detour when it is known, or orders would overtake one another.
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    this.#refuseUnlessStartable(plugin, 'start');
    const order = this.#give(plugin, 'start');
    await this.#write(plugin, order, { want: 'running' });
    return this.#await(plugin, order, wait, signal);
  }

  async restart(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const { wait } = readOptions(body);
    const plugin = knownPlugin(this.#options.plugins, id);
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    this.#refuseUnlessStartable(plugin, 'restart');
    const order = this.#give(plugin, 'restart');
    // The next millisecond: times are kept without fractions, and what was launched in this one was launched before.
    const notBefore = new Date(Math.floor(now()) + 1).toISOString();
    await this.#write(plugin, order, { want: 'running', not_before: notBefore });
    return this.#await(plugin, order, wait, signal);
  }

  async stop(id: string, body: unknown, signal: AbortSignal): Promise<PluginInfo> {
    const { wait } = readOptions(body);
    const plugin = knownPlugin(this.#options.plugins, id);
    if (!plugin.source && plugin.managed.size === 0) throw notManaged(id, 'stop');
    if (!plugin.desired) await whenRead(this.#options, plugin, signal);
    const order = this.#give(plugin, 'stop');
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
    if (plugin.problem) throw new BkgError('CONFLICT', `${id} cannot be started: ${plugin.problem}.`);
    if (desired && !desired.config.value.enabled) {
      throw new BkgError('CONFLICT', `${id} is disabled by its configuration ("enabled": false).`);
    }
    if (desired && plugin.replicas === 0) {
      throw new BkgError('CONFLICT', `${id} is configured to have no instance ("replicas": 0).`);
    }
  }

  /** From here on earlier orders that want something else have lost. */
  #give(plugin: Plugin, verb: Order['verb']): Order {
    refuseUnlessHeld(this.#options.lease);
    const order: Order = { verb };
    plugin.order = order;
    this.#options.plugins.changed(plugin.id);
    return order;
  }

  async #write(plugin: Plugin, order: Order, wanted: Pick<RunOrder, 'want' | 'not_before'>): Promise<void> {
    // One after the other, each on the revision that the one before it has made.
    const turn = (plugin.writing ?? Promise.resolve()).then(async () => {
      const { desired } = plugin;
      if (this.#hasLost(plugin, order)) return;
      if (!desired && plugin.managed.size === 0 && wanted.want === 'stopped') return;
      if (!desired) throw notRead(plugin);
      // It is wanted so already; a restart never is.
      const { want, by } = desired.run.value;
      if (want === wanted.want && by !== ofManifest && !wanted.not_before) return;
      const value: RunOrder = {
        version: plugin.source?.manifest?.version ?? desired.run.value.version,
        by: 'control',
        at: new Date().toISOString(),
        ...wanted,
      };
      try {
        plugin.desired = {
          ...desired,
          run: await this.#options.desiredState.order(plugin.id, desired.run, value),
        };
      } catch (error) {
        // Whoever wrote it: it is read again.
        plugin.desired = undefined;
        throw error;
      }
    });
    plugin.writing = turn.catch(() => undefined);
    await turn;
  }

  async #await(plugin: Plugin, order: Order, wait: boolean, signal: AbortSignal): Promise<PluginInfo> {
    const { loop, plugins, timings } = this.#options;
    this.#refuseWhenLost(plugin, order);
    const failuresBefore = plugin.failureCount;
    if (this.#outcome(plugin, order, failuresBefore) !== 'reached' || order.verb === 'stop')
      clearSetback(plugin);
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
    if (outcome === 'failed') throw await this.#crash(plugin);
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
    if (plugin.failureCount > failuresBefore) return 'failed';
    if (!plugin.source && plugin.managed.size === 0) throw notManaged(plugin.id, order.verb);
    return plugin.ready.length >= plugin.replicas ? 'reached' : undefined;
  }

  #refuseWhenLost(plugin: Plugin, order: Order): void {
    if (!this.#hasLost(plugin, order)) return;
    throw new BkgError(
      'CONFLICT',
      `The order to ${order.verb} ${plugin.id} was overtaken by one to ${plugin.order?.verb ?? 'do something else'} it.`,
    );
  }

  /** Start and restart want the same in the end. */
  #hasLost(plugin: Plugin, order: Order): boolean {
    return (plugin.order?.verb === 'stop') !== (order.verb === 'stop');
  }

  async #crash(plugin: Plugin): Promise<BkgError> {
    const { failed } = plugin;
    const why = failed ? `${plugin.id} ${failed.error}.` : `${plugin.id} has failed.`;
    const lines = failed ? await this.#options.logs.lastOutput(plugin.id, failed.instance, lastLines) : [];
    const shown = lines.map((line) => line.slice(0, lineMostChars)).join('\n');
    const words = shown ? ` Its last lines:\n${shown}` : ' It printed nothing.';
    return new BkgError('PLUGIN_CRASHED', why + words);
  }

  #info(plugin: Plugin): PluginInfo {
    return plugin.info(this.#options.loop.mayRun);
  }
}

function readOptions(body: unknown): { wait: boolean } {
  const given = body ?? {};
  const errors = validate(given);
  if (errors.length > 0) {
    const list = errors
      .map(({ path: where, message }) => `${where.slice(1) || 'the body'} ${message}`)
      .join('; ');
    throw new BkgError('INVALID_PAYLOAD', `The order does not fit: ${list}.`, { errors });
  }
  return { wait: (given as { wait?: boolean }).wait ?? true };
}

function shutsDown(): BkgError {
  return new BkgError('PLUGIN_UNAVAILABLE', 'The mesh shuts down; nothing is started any more.');
}
