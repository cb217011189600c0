import { BkgError, problemOfMsg, shownConfig, subjects } from '@bkg/sdk';
import type { Connection, PluginConfig } from '@bkg/sdk';
import type { ManagedInstance } from '../managed-instance.ts';
import type { Plugin } from '../plugin.ts';
import type { Plugins } from '../plugins.ts';
import type { Timings } from '../timings.ts';

export interface LiveConfigOptions {
  connection: Connection;
  plugins: Plugins;
  timings: Pick<Timings, 'configureMs'>;
  signal: AbortSignal;
}

/** Gives instances that run the configuration of today; those that do not take it over are to be replaced. */
export class LiveConfig {
  readonly #options: LiveConfigOptions;
  readonly #running = new Set<string>();

  constructor(options: LiveConfigOptions) {
    this.#options = options;
  }

  /** Unless that is under way. */
  begin(plugin: Plugin, instance: ManagedInstance): void {
    const { config } = plugin;
    if (!config || this.#running.has(instance.id)) return;
    this.#running.add(instance.id);
    void this.#give(plugin, instance, config).finally(() => {
      this.#running.delete(instance.id);
      this.#options.plugins.changed(plugin.id);
    });
  }

  async #give(plugin: Plugin, instance: ManagedInstance, config: PluginConfig): Promise<void> {
    const { signal } = this.#options;
    const { rollout } = plugin;
    const problem = await this.#ask(plugin, instance, config);
    if (signal.aborted || instance.isLeaving) return;
    if (!problem) {
      if (!instance.configured(config))
        instance.cannotTakeOver(config.revision, 'its limits cannot be changed while it runs');
    } else if (rollout && isRefusal(problem)) rollout.fail(refused(plugin, problem));
    else instance.cannotTakeOver(config.revision, problem.message);
  }

  /** @returns why it does not take it over */
  async #ask(plugin: Plugin, instance: ManagedInstance, config: PluginConfig): Promise<BkgError | undefined> {
    const { connection, timings, signal } = this.#options;
    try {
      const reply = await connection.request(
        subjects.configure(plugin.id, instance.id),
        // Its `env` is that of its process: the values need not travel.
        JSON.stringify(shownConfig(config)),
        { timeoutMs: timings.configureMs, signal },
      );
      const problem = problemOfMsg(reply);
      return problem && BkgError.from(problem);
    } catch (error) {
      if (error instanceof BkgError) return error;
      return new BkgError('PLUGIN_UNAVAILABLE', (error as Error).message, { cause: error });
    }
  }
}

/** It has looked at the configuration and does not want it; others only cannot take one over while they run. */
function isRefusal({ code }: BkgError): boolean {
  return !['CONFLICT', 'BUSY', 'PLUGIN_UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'].includes(code);
}

function refused({ id }: Plugin, { code, message, problem }: BkgError): BkgError {
  const detail = `${id} does not take the configuration over: ${message} It goes on with the one before.`;
  if (code !== 'INVALID_PAYLOAD') return new BkgError('CONFLICT', detail);
  return new BkgError(code, detail, problem.errors ? { errors: problem.errors } : {});
}
