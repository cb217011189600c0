import { isLogLevel, type LogLevel, type LogRecord } from '@bkg/sdk/protocol';
import { escapeLine } from './control-characters.ts';
import { formatLogTime } from './format.ts';

/** A log record as the page shows it, worked out once when it arrives. */
export interface LogLine {
  kind: 'line';
  seq: number;
  clock: string;
  level: LogLevel;
  message: string;
  /** First 8 characters; the whole is a secret of the caller. */
  invocation: string;
  record: LogRecord;
  /** In lower case, for the text filter. */
  haystack: string;
}

/** A place where lines are missing. */
export interface LogGap {
  kind: 'gap';
  seq: number;
  text: string;
}

export type LogRow = LogLine | LogGap;

const ownFields = new Set([
  'type',
  'time',
  'level',
  'plugin_id',
  'instance',
  'message',
  'source',
  'invocation_id',
  'trace_id',
]);

export function toLogLine(record: LogRecord, seq: number): LogLine {
  const message = escapeLine(String(record.message));
  const extra = extraFields(record);
  return {
    kind: 'line',
    seq,
    clock: formatLogTime(record.time),
    level: isLogLevel(record.level) ? record.level : 'info',
    message,
    invocation: record.invocation_id?.slice(0, 8) ?? '',
    record,
    haystack: `${message} ${record.invocation_id ?? ''} ${extra ? JSON.stringify(extra) : ''}`.toLowerCase(),
  };
}

/** What the plugin logged beside the message; undefined when nothing. */
export function extraFields(record: LogRecord): Record<string, unknown> | undefined {
  const extra = Object.entries(record).filter(([name]) => !ownFields.has(name));
  return extra.length > 0 ? Object.fromEntries(extra) : undefined;
}
