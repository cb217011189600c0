import { logLevels, logLinesDefault, logLinesMost } from '../log-record.ts';
import type { LogQuery, LogRecord } from '../log-record.ts';
import type { LogReply } from '../requests.ts';
import { ref } from './ref.ts';
import { count, flag, listOf, object, oneOf, text, time } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const since: SchemaOf<string> = {
  type: 'string',
  anyOf: [
    { pattern: '^\\d{1,6}[smhd]$' },
    {
      format: 'date-time',
      pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$',
    },
  ],
  description: 'A time with its zone, or a span back from now such as 90s, 15m, 2h, 1d.',
};

export const logSchemas = {
  LogRecord: {
    ...object<LogRecord>(
      {
        time: time('When, RFC 3339 in UTC.'),
        level: oneOf(logLevels, 'One of the six names.'),
        plugin_id: text('The plugin id.'),
        instance: text('The instance id.'),
        message: text('The text.'),
        source: oneOf(['sdk', 'stdout', 'stderr'], 'Where it was written.'),
      },
      {
        invocation_id: text("The first 8 characters of the invocation's id.", { maxLength: 8 }),
        trace_id: text('The trace id of `traceparent`.', { pattern: '^[0-9a-f]{32}$' }),
      },
    ),
    description: 'One line of a log. Any other member is a field of the record.',
  },
  LogQuery: object<LogQuery>(
    {},
    {
      lines: { ...count('How many of the latest.', 1, logLinesMost), default: logLinesDefault },
      level: oneOf(logLevels, 'The lowest level.'),
      since,
    },
  ),
  LogReply: object<LogReply>(
    { lines: listOf(ref('LogRecord'), 'Oldest first.') },
    { truncated: flag('True when one message cannot hold all that was asked for.') },
  ),
};
