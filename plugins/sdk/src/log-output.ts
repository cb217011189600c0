import type { Connection } from './connection.ts';
import { standardOutput } from './logger.ts';
import { eventMostBytes } from './protocol/event.ts';

/** Standard output; for an instance whose output nobody captures each line is an event as well. */
export class LogOutput {
  readonly #stdout = standardOutput();
  #event: ((line: string) => void) | undefined;

  publishTo(connection: Connection, subject: string): void {
    this.#event = (line) => {
      const record = { ...(JSON.parse(line) as Record<string, unknown>), source: 'sdk' };
      const text = JSON.stringify(record);
      // Nobody would take a larger one, and to publish what the broker refuses throws: at the work that is logged.
      const mostBytes = Math.min(eventMostBytes, connection.maxPayloadBytes);
      if (Buffer.byteLength(text) <= mostBytes) connection.publish(subject, text);
    };
  }

  write(line: string): void {
    this.#stdout.write(line);
    this.#event?.(line);
  }
}
