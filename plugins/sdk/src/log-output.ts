import type { Connection } from './connection.ts';
import { standardOutput } from './logger.ts';

/** Standard output; for an instance whose output nobody captures each line is an event as well. */
export class LogOutput {
  readonly #stdout = standardOutput();
  #event: ((line: string) => void) | undefined;

  publishTo(connection: Connection, subject: string): void {
    this.#event = (line) => {
      const record = { ...(JSON.parse(line) as Record<string, unknown>), source: 'sdk' };
      connection.publish(subject, JSON.stringify(record));
    };
  }

  write(line: string): void {
    this.#stdout.write(line);
    this.#event?.(line);
  }
}
