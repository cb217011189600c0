import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** @default 'info' */
  level?: string;
  /** Where the lines go. @default standard output, written at once so that a crash loses none */
  destination?: DestinationStream;
}

/** JSON lines as `LogRecord` names their fields: `time` in RFC 3339, `level` as a name, `message`, then `fields`. */
export function createLogger(fields: Record<string, unknown>, options: LoggerOptions = {}): Logger {
  const { level = 'info', destination = pino.destination({ dest: 1, sync: true }) } = options;
  return pino(
    {
      level,
      base: fields,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
