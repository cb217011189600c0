import { isLogLevel } from '@bkg/sdk';
import type { LogLevel, LogRecord } from '@bkg/sdk';
import { noSecrets } from './known-secrets.ts';
import type { KnownSecrets } from './known-secrets.ts';
import { isTooDeep, withoutOurs } from './said-fields.ts';

/** Longer lines are cut, with a mark. */
export const lineMostBytes = 16 * 1024;

const decoder = new TextDecoder();

export interface LineOrigin {
  pluginId: string;
  instance: string;
  stream: 'stdout' | 'stderr';
  /** When it was read, ms since the epoch. */
  readAt: number;
  /** It went on, for longer than was read. */
  isCut?: boolean;
  /** What is not shown of it. @default nothing */
  secrets?: KnownSecrets;
}

/**
 * The record of one line of output: a JSON object with a text `message` is one already; any other line, and one that is
 * nested so deep that nobody could go through it, is the message of a new one. Undefined for an empty line.
 */
export function recordOf(line: Buffer, origin: LineOrigin): LogRecord | undefined {
  const text = decoder.decode(line).trimEnd();
  if (text === '') return undefined;
  const isLong = line.length > lineMostBytes;
  const length = `${origin.isCut ? 'more than ' : ''}${line.length} bytes`;
  const { secrets = noSecrets } = origin;
  const parsed = origin.isCut ? undefined : parseObject(text);
  const said = parsed && secrets.hideIn(parsed, text);
  if (typeof said?.['message'] === 'string') {
    const { message } = said;
    return sdkRecord({ ...said, message: isLong ? cut(message, length) : message }, origin, isLong);
  }
  // Before it is cut: of one that is cut in two nothing would be found.
  const shown = secrets.hide(text);
  return {
    time: new Date(origin.readAt).toISOString(),
    // Who writes plain lines to standard error means anything from progress to a stack.
    level: origin.stream === 'stderr' ? 'warn' : 'info',
    plugin_id: origin.pluginId,
    instance: origin.instance,
    message: isLong ? cut(shown, length) : shown,
    source: origin.stream,
  };
}

/** Whose record it is the stream says, not the line. */
function sdkRecord(
  said: { message: string; [field: string]: unknown },
  origin: LineOrigin,
  isLong: boolean,
): LogRecord {
  const { time, level, message, plugin_id: _id, instance: _instance, source: _source, ...fields } = said;
  return {
    time: timeOf(time) ?? new Date(origin.readAt).toISOString(),
    level: levelOf(level) ?? (origin.stream === 'stderr' ? 'warn' : 'info'),
    plugin_id: origin.pluginId,
    instance: origin.instance,
    message,
    ...(isLong ? tracesOf(fields) : withoutOurs(fields)),
    source: 'sdk',
  };
}

/** Of a record that is too long only what leads to the rest is kept. */
function tracesOf({ invocation_id, trace_id }: Record<string, unknown>): Record<string, unknown> {
  const isId = (value: unknown): boolean => typeof value === 'string' && value.length <= 128;
  return {
    ...(isId(invocation_id) && { invocation_id }),
    ...(isId(trace_id) && { trace_id }),
  };
}

/** At most `lineMostBytes` of the text, in whole characters. */
function cut(text: string, length: string): string {
  const bytes = Buffer.from(text).subarray(0, lineMostBytes);
  // As a stream, or a character cut in two would become a replacement character.
  const kept = new TextDecoder().decode(bytes, { stream: true });
  return `${kept} … [cut: the line had ${length}]`;
}

function timeOf(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function levelOf(value: unknown): LogLevel | undefined {
  return isLogLevel(value) ? value : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return isTooDeep(value) ? undefined : value;
  } catch {
    // A line that only begins like JSON.
    return undefined;
  }
}
