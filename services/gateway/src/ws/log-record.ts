import type { Msg } from '@nats-io/nats-core';
import { isLogLevel, parseEventSubject } from '@bkg/sdk';

/** A log event, encoded for everybody who wants it. */
export interface LoggedLine {
  pluginId: string;
  /** LogRecord as JSON. */
  body: Buffer;
}

const sources = new Set<unknown>(['sdk', 'stdout', 'stderr']);

/** Anybody may publish an event: it counts when it has the shape, and as one of whom its subject names. */
export function readLogEvent(msg: Msg): LoggedLine | undefined {
  const subject = parseEventSubject(msg.subject);
  const record = subject && recordOf(msg);
  if (!record) return undefined;
  const { id, instance } = subject;
  return { pluginId: id, body: Buffer.from(JSON.stringify({ ...record, plugin_id: id, instance })) };
}

function recordOf(msg: Msg): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = msg.json();
  } catch {
    // Not a log record, whoever sent it.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Record<string, unknown>;
  const { time, level, message, source } = record;
  const isRecord =
    typeof time === 'string' && isLogLevel(level) && typeof message === 'string' && sources.has(source);
  return isRecord ? record : undefined;
}
