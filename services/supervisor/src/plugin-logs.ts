import path from 'node:path';
import { isPluginId } from '@bkg/sdk';
import type { LogRecord } from '@bkg/sdk';
import { noSuchPlugin } from './known-plugin.ts';
import { listLogs } from './logs/log-file.ts';
import { fits, readLogQuery } from './logs/log-query.ts';
import { newest, readLogs } from './logs/log-reader.ts';
import type { RecentLogs } from './logs/recent-logs.ts';

export interface PluginLogsOptions {
  /** `logs/`. */
  folder: string;
  recentLogs: RecentLogs;
  /** Whether the plugin is known although it has no log. */
  isKnown: (id: string) => boolean;
}

export interface LogAnswer {
  /** The newest last. */
  lines: LogRecord[];
  /** Older ones that were asked for are left out: the answer would have been too large. */
  truncated?: true;
}

const outputMostBytes = 256 * 1024;

/** Answers from the logs of all plugins, over their instances, those that have ended included. */
export class PluginLogs {
  readonly #options: PluginLogsOptions;

  constructor(options: PluginLogsOptions) {
    this.#options = options;
  }

  /**
   * @param body a LogQuery
   * @param mostBytes of the answer
   * @throws BkgError INVALID_PAYLOAD, PLUGIN_NOT_FOUND
   */
  async answer(id: string, body: unknown, mostBytes: number): Promise<LogAnswer> {
    const filter = readLogQuery(body, Date.now());
    const files = isPluginId(id) ? listLogs(path.join(this.#options.folder, id)) : [];
    // The log of a plugin whose folder has gone is still its log.
    if (files.length === 0 && !this.#options.isKnown(id)) throw noSuchPlugin(id);
    const kept = await readLogs(files, filter, mostBytes);
    const recent = this.#options.recentLogs.of(id).filter((record) => fits(record, filter));
    const { records, isCut } = newest([...kept.records, ...recent], filter.lines, mostBytes);
    return { lines: records, ...((isCut || kept.isCut) && { truncated: true }) };
  }

  /** The last lines that an instance has printed, without what the supervisor says of it. */
  async lastOutput(id: string, instance: string, lines: number): Promise<string[]> {
    const logs = listLogs(path.join(this.#options.folder, id)).filter((one) => one.instance === instance);
    // Some of the last are the supervisor's own.
    const filter = { lines: 3 * lines, level: 'trace', since: 0 } as const;
    const { records } = await readLogs(logs, filter, outputMostBytes);
    return records
      .filter(({ by }) => by !== 'supervisor')
      .slice(-lines)
      .map(({ message }) => message);
  }
}
