import type { LogLevel, LogRecord } from '@bkg/sdk/protocol';
import { clock } from './clock.ts';
import { paint, printable } from './terminal.ts';
import type { Style } from './terminal.ts';

const levelStyles: Record<LogLevel, Style> = {
  trace: 'dim',
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: ['red', 'bold'],
};

/** Said by the line itself, or of no use in it. */
const shown = new Set(['time', 'level', 'plugin_id', 'instance', 'message', 'source', 'by', 'trace_id']);

export interface LogLineOptions {
  /** Of more plugins than one: each line says whose it is. */
  withPlugin: boolean;
  now: Date;
}

/** A record for people: one line, and below it, indented, what has lines of its own. */
export function logLine(record: LogRecord, { withPlugin, now }: LogLineOptions): string {
  const { time, level, plugin_id: plugin, message, ...fields } = record;
  const [first = '', ...more] = String(message).split('\n');
  const stacks: string[] = [];
  const pairs = Object.entries(fields).flatMap(([name, value]) => {
    if (shown.has(name)) return [];
    const stack = stackOf(value);
    if (stack) stacks.push(...stack);
    return stack ? [] : [`${name}=${fieldText(value)}`];
  });
  const parts = [
    paint('dim', clock(time, now)),
    paint(levelStyles[level] ?? 'red', printable(String(level)).toUpperCase().padEnd(5)),
    ...(withPlugin ? [paint('cyan', `${printable(String(plugin))} |`)] : []),
    printable(first),
    ...pairs.map((pair) => paint('dim', printable(pair))),
  ];
  return [parts.join(' '), ...[...more, ...stacks].map((line) => `    ${printable(line)}`)].join('\n');
}

/** Of an error as loggers write it. */
function stackOf(value: unknown): string[] | undefined {
  const stack = (value as { stack?: unknown } | null)?.stack;
  return typeof stack === 'string' ? stack.split('\n') : undefined;
}

function fieldText(value: unknown): string {
  if (typeof value === 'string' && value !== '' && !/[\s"=]/.test(value)) return value;
  return JSON.stringify(value) ?? String(value);
}
