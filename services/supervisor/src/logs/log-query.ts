import {
  BkgError,
  createValidator,
  logLevels,
  logLinesDefault,
  logLinesMost,
  parseSince,
  reachesLevel,
} from '@bkg/sdk';
import type { LogLevel, LogQuery, LogRecord } from '@bkg/sdk';
import { unfit } from '../unfit.ts';

/** What is looked for in a plugin's logs. */
export interface LogFilter {
  lines: number;
  /** The lowest level. */
  level: LogLevel;
  /** ms since the epoch. */
  since: number;
}

const validate = createValidator({
  type: 'object',
  properties: {
    lines: { type: 'integer', minimum: 1, maximum: logLinesMost },
    level: { enum: [...logLevels] },
    since: { type: 'string' },
  },
  additionalProperties: false,
});

/** Reads the body of a request to `plugin.<id>.logs`. @throws BkgError INVALID_PAYLOAD */
export function readLogQuery(body: unknown, now: number): LogFilter {
  const given = body ?? {};
  const errors = validate(given);
  if (errors.length > 0) throw unfit('The query', errors);
  const { lines = logLinesDefault, level = 'trace', since } = given as LogQuery;
  const from = since === undefined ? 0 : parseSince(since, now);
  if (from === undefined) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `since is "${(since ?? '').slice(0, 64)}"; it takes a time with its zone such as 2026-11-24T08:00:00Z, or a span back from now such as 90s, 15m, 2h, 1d.`,
      { errors: [{ path: '/since', message: 'is neither a time nor a span' }] },
    );
  }
  return { lines, level, since: from };
}

export function fits({ time, level }: Pick<LogRecord, 'time' | 'level'>, filter: LogFilter): boolean {
  return reachesLevel(level, filter.level) && Date.parse(time) >= filter.since;
}
