import type { PluginInfo, Problem } from '@bkg/sdk/protocol';
import { createBackoff } from './backoff.ts';
import type { ConnectionState } from './connection.svelte.ts';
import { listPlugins } from './plugins.ts';
import { runPoll } from './poll.ts';
import type { Readings } from './readings.svelte.ts';
import { problemOfError, ProblemError } from './request.ts';
import { pageVisible } from './visibility.ts';

const pollEveryMs = 2_000;

/** All plugins, as the gateway last told them. */
export class PluginList {
  /** Undefined until the first answer. */
  all = $state.raw<PluginInfo[]>();
  /** When `all` arrived, in ms since the epoch. */
  receivedAt = $state(0);
  /** Why the last round failed. */
  problem = $state.raw<Problem>();
  #connection: ConnectionState;
  #readings: Readings;

  constructor(connection: ConnectionState, readings: Readings) {
    this.#connection = connection;
    this.#readings = readings;
  }

  find(id: string): PluginInfo | undefined {
    return this.all?.find((plugin) => plugin.id === id);
  }

  /** Takes over what another page or an action learnt about one plugin. */
  put(plugin: PluginInfo): void {
    this.all = this.all?.map((known) => (known.id === plugin.id ? plugin : known));
  }

  /** Stays up to date until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    return runPoll({
      round: (roundSignal) => this.#round(roundSignal),
      everyMs: pollEveryMs,
      backoff: createBackoff(),
      alarm: this.#connection.alarm,
      visible: pageVisible,
      onFailure: (error, retryInMs) => {
        this.problem = problemOfError(error);
        this.#connection.failed(this.problem.detail, retryInMs, error instanceof ProblemError);
      },
      signal,
    });
  }

  async #round(signal: AbortSignal): Promise<void> {
    const plugins = await listPlugins({ signal });
    if (signal.aborted) return;
    this.all = plugins;
    this.receivedAt = Date.now();
    this.problem = undefined;
    this.#connection.contacted();
    for (const { id, status, telemetry } of plugins) {
      this.#readings.add(id, status === 'running' ? telemetry.cpu_percent : undefined);
    }
  }
}
