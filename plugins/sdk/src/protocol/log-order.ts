import type { LogRecord } from './log-record.ts';

/**
 * Records have no numbers: two are the same when all that they say is the same, their time included. The order of
 * members is that of whoever wrote it last, and does not count.
 */
export function recordKey(record: LogRecord): string {
  return JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is stored of a log is read while the same arrives live: what of that is older than anybody wants. */
export class LogBacklog {
  /** Instances of which nothing has come yet that was stored or is newer, with the times between which that was. */
  readonly #behind = new Map<string, { from: string; to: string }>();

  /** Nothing older than these, the oldest first, is wanted; some of it may still be on its way. */
  beginAt(stored: readonly LogRecord[]): void {
    for (const { instance, time } of stored) {
      const { from } = this.#behind.get(instance) ?? { from: time };
      this.#behind.set(instance, { from, to: time });
    }
  }

  /** What comes of it from now on is newer than what is stored: those of one instance come in their order. */
  noteHeard(instance: string): void {
    this.#behind.delete(instance);
  }

  /** Whether a record that is not stored, and has just arrived, came before what is stored. */
  isTooOld({ instance, time }: LogRecord): boolean {
    const stored = this.#behind.get(instance);
    // Of the millisecond of the first, it came before that, or what is stored would not go on after it.
    return stored !== undefined && (time < stored.from || (time === stored.from && time < stored.to));
  }
}
