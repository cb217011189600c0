import type { LogRecord } from '@bkg/sdk/protocol';
import { requestJson } from './request.ts';
import type { CallOptions } from './plugins.ts';

const logsTimeoutMs = 10_000;

export interface LogsQuery {
  lines: number;
  /** RFC 3339. */
  since?: string;
}

/** The stored log lines of a plugin, oldest first. */
export async function getLogs(id: string, query: LogsQuery, options: CallOptions = {}): Promise<LogRecord[]> {
  const search = new URLSearchParams({ lines: String(query.lines) });
  if (query.since) search.set('since', query.since);
  const path = `/api/plugins/${encodeURIComponent(id)}/logs?${search}`;
  const { lines } = await requestJson<{ lines: LogRecord[] }>(path, { ...options, timeoutMs: logsTimeoutMs });
  return lines;
}
