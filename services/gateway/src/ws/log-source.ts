import type { Broker } from '../mesh/broker.ts';
import { EventSource } from './event-source.ts';
import { readLogEvent } from './log-record.ts';
import type { LoggedLine } from './log-record.ts';

/** The log lines of the plugins that somebody wants to hear. */
export class LogSource {
  readonly #listeners = new Set<(line: LoggedLine) => void>();
  readonly #events: EventSource;

  constructor(broker: Broker) {
    this.#events = new EventSource(broker, 'log', (msg) => {
      const line = readLogEvent(msg);
      if (line) for (const listener of this.#listeners) listener(line);
    });
  }

  /** @returns ends it */
  onLine(listener: (line: LoggedLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param key a plugin id, or `everyPlugin` @returns ends it */
  want(key: string): () => void {
    return this.#events.want(key);
  }
}
