import { createLogger } from '@bkg/sdk';
import type { AuditEvent, Logger } from '@bkg/sdk';

export const auditEvent = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  time: new Date().toISOString(),
  who: 'Kabcdefghj',
  via: 'http',
  from: '127.0.0.1',
  action: 'control.stop',
  target: 'echo',
  result: 'ok',
  ...more,
});

/** A logger, and what it has said. */
export function heardLogger(): { log: Logger; lines: string[]; said: () => Record<string, unknown>[] } {
  const lines: string[] = [];
  const log = createLogger({}, { level: 'trace', destination: { write: (line) => void lines.push(line) } });
  return { log, lines, said: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
