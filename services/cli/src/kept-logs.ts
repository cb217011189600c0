import type { LogLevel, LogRecord, PluginInfo } from '@bkg/sdk/protocol';
import { pluginPath } from './api-paths.ts';
import type { Gateway } from './gateway.ts';
import { Refusal } from './refusal.ts';

export interface KeptLogsQuery {
  /** None: of all. */
  plugins: readonly string[];
  /** The newest ones, over all plugins. */
  lines: number;
  level?: LogLevel;
  since?: string;
}

export interface KeptLogs {
  /** Oldest first. */
  records: LogRecord[];
  /** Plugins of which older records that were asked for are left out. */
  truncated: string[];
}

/** Each is a request to the supervisor, which reads files for it. */
const atOnce = 8;

/** What the supervisor has kept. @throws Failure */
export async function readKeptLogs(gateway: Gateway, query: KeptLogsQuery): Promise<KeptLogs> {
  const isAll = query.plugins.length === 0;
  const ids = isAll ? (await gateway.json<PluginInfo[]>('/api/plugins')).map(({ id }) => id) : query.plugins;
  const answers: KeptLogs[] = [];
  for (let at = 0; at < ids.length; at += atOnce) {
    const some = ids.slice(at, at + atOnce).map((id) => readOne(gateway, id, query, isAll));
    answers.push(...(await Promise.all(some)));
  }
  const records = answers.flatMap((answer) => answer.records);
  records.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return { records: records.slice(-query.lines), truncated: answers.flatMap(({ truncated }) => truncated) };
}

async function readOne(
  gateway: Gateway,
  id: string,
  { lines, level, since }: KeptLogsQuery,
  mayBeGone: boolean,
): Promise<KeptLogs> {
  const query = new URLSearchParams({
    lines: String(lines),
    ...(level && { level }),
    ...(since && { since }),
  });
  try {
    const answer = await gateway.json<{ lines: LogRecord[]; truncated?: boolean }>(
      `${pluginPath(id, 'logs')}?${query.toString()}`,
      { concern: { plugin: id } },
    );
    return { records: answer.lines, truncated: answer.truncated ? [id] : [] };
  } catch (error) {
    // It went after the list was read.
    if (mayBeGone && error instanceof Refusal && error.code === 'PLUGIN_NOT_FOUND')
      return { records: [], truncated: [] };
    throw error;
  }
}
