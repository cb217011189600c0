import { NoRespondersError, problemOfMsg, subjects } from '@bkg/sdk';
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
    const refusal = await this.#ask(plugin, instance, config);
    if (signal.aborted) return;
    if (refusal === undefined) instance.configured(config);
    else instance.supersede(`its configuration has changed, and ${refusal}`);
  }

  /** @returns why it does not take it over */
  async #ask(plugin: Plugin, instance: ManagedInstance, config: PluginConfig): Promise<string | undefined> {
    const { connection, timings, signal } = this.#options;
    try {
      const reply = await connection.request(
        subjects.configure(plugin.id, instance.id),
        JSON.stringify(config),
        { timeoutMs: timings.configureMs, signal },
      );
      const problem = problemOfMsg(reply);
      return problem && `it does not take the new one over: ${problem.detail}`;
    } catch (error) {
      if (error instanceof NoRespondersError) return 'it takes none over while it runs';
      return `it did not take the new one over (${(error as Error).message})`;
    }
  }
}
