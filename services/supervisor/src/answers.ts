import type { ConfigHistory, Connection, PluginInfo } from '@bkg/sdk';
import { answerMostBytes } from './answer-size.ts';
import { configHistory } from './config/config-history.ts';
import type { DesiredState } from './desired-state.ts';
import { fitList } from './fit-list.ts';
import { knownPlugin } from './known-plugin.ts';
import type { LogAnswer, PluginLogs } from './plugin-logs.ts';
import type { Plugins } from './plugins.ts';

export interface AnswersOptions {
  connection: Pick<Connection, 'maxPayloadBytes'>;
  plugins: Plugins;
  desiredState: DesiredState;
  logs: PluginLogs;
  /** False while the mesh shuts down. */
  mayRun: () => boolean;
}

/** What the supervisor answers to who asks about plugins. */
export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  list(): PluginInfo[] {
    const { plugins, mayRun } = this.#options;
    const isRunning = mayRun();
    return fitList(
      plugins.all().map((plugin) => plugin.info(isRunning)),
      this.#mostBytes,
    );
  }

  /** @throws BkgError PLUGIN_NOT_FOUND */
  get(id: string): PluginInfo {
    const { plugins, mayRun } = this.#options;
    return knownPlugin(plugins, id).info(mayRun());
  }

  /** @param query a HistoryQuery @throws BkgError INVALID_PAYLOAD, PLUGIN_NOT_FOUND, PLUGIN_UNAVAILABLE */
  async history(id: string, query: unknown): Promise<ConfigHistory> {
    const { plugins, desiredState } = this.#options;
    knownPlugin(plugins, id);
    return configHistory(desiredState, id, query, this.#mostBytes);
  }

  /** @param query a LogQuery @throws BkgError INVALID_PAYLOAD, PLUGIN_NOT_FOUND */
  async logs(id: string, query: unknown): Promise<LogAnswer> {
    return this.#options.logs.answer(id, query, this.#mostBytes);
  }

  get #mostBytes(): number {
    return answerMostBytes(this.#options.connection);
  }
}
