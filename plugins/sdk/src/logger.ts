import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { hideMembers } from './hidden-members.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** @default 'info' */
  level?: string;
  /** Where the lines go. @default standard output, written at once so that a crash loses none */
  destination?: DestinationStream;
}

/** JSON lines as `LogRecord` names their fields: `time` in RFC 3339, `level` as a name, `message`, then `fields`. */
export function createLogger(fields: Record<string, unknown>, options: LoggerOptions = {}): Logger {
  const { level = 'info', destination = standardOutput() } = options;
  return pino(
    {
      level,
      base: fields,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: hideMembers },
    },
    destination,
  );
}

/** Standard output, written at once so that a crash loses none. */
export function standardOutput(): DestinationStream {
  // What cannot be written is kept up to this, and tried again with the next line.
  const stdout = pino.destination({ dest: 1, sync: true, maxLength: 1024 * 1024 });
  // A full disk, or an output that was closed, ends the log and not the work that is logged.
  return stdout.on('error', () => undefined);
}
