export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One line of a plugin's log. */
export interface LogRecord {
  /** RFC 3339 UTC with milliseconds. */
  time: string;
  level: LogLevel;
  plugin_id: string;
  instance: string;
  message: string;
  invocation_id?: string;
  trace_id?: string;
  source: 'sdk' | 'stdout' | 'stderr';
  [field: string]: unknown;
}

/** What `plugin.<id>.logs` takes. */
export interface LogQuery {
  /** @default 200, at most 10,000 */
  lines?: number;
  /** The lowest level wanted. */
  level?: LogLevel;
  /** An RFC 3339 time, or a span back from now such as `90s`, `15m`, `2h`, `1d`. */
  since?: string;
}

export const logLinesDefault = 200;
export const logLinesMost = 10_000;

export function isLogLevel(value: unknown): value is LogLevel {
  return logLevels.some((level) => level === value);
}

/** True when `level` is at least as grave as `lowest`. */
export function reachesLevel(level: LogLevel, lowest: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(lowest);
}

const spanUnitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds since the epoch of a `since` value; undefined when it is neither a time nor a span. */
export function parseSince(since: string, now: number): number | undefined {
  const span = /^(\d{1,6})([smhd])$/.exec(since);
  if (span?.[1] && span[2]) return now - Number(span[1]) * (spanUnitMs[span[2]] ?? 0);
  // A time without a zone would be read in whatever zone this process runs in.
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(since)) return undefined;
  const time = Date.parse(since);
  return Number.isNaN(time) ? undefined : time;
}
