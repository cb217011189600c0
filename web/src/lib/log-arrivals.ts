import { LogBacklog, recordKey, type LogRecord } from '@bkg/sdk/protocol';

/**
 * Tells which records that arrive live are news. What is stored arrives live too, before or after it was read, and a
 * record has no number of its own: two are the same when all that they say is the same, their time included.
 */
export class LogArrivals {
  readonly #most: number;
  /** How often a stored record is shown that may still arrive; the oldest make room. */
  #awaited = new Map<string, number>();
  #awaitedTo = '';
  readonly #backlog = new LogBacklog();

  /** @param most copies that are awaited at the same time */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether a record that has just arrived is to be shown. */
  isNews(record: LogRecord): boolean {
    const isCopy = this.#takeCopy(record);
    if (!isCopy && this.#backlog.isTooOld(record)) return false;
    this.noteHeard(record.instance);
    return !isCopy;
  }

  /** These are shown as they are stored. */
  await(stored: readonly LogRecord[]): void {
    for (const record of stored) {
      const key = recordKey(record);
      this.#awaited.set(key, (this.#awaited.get(key) ?? 0) + 1);
      if (record.time > this.#awaitedTo) this.#awaitedTo = record.time;
    }
    for (const key of this.#awaited.keys()) {
      if (this.#awaited.size <= this.#most) break;
      this.#awaited.delete(key);
    }
  }

  /** Nothing older than these, the oldest first, is wanted; some of it may still be on its way. */
  beginAt(stored: readonly LogRecord[]): void {
    this.#backlog.beginAt(stored);
  }

  /** What comes of it from now on is newer than what is stored: those of one instance come in their order. */
  noteHeard(instance: string): void {
    this.#backlog.noteHeard(instance);
  }

  #takeCopy(record: LogRecord): boolean {
    if (record.time > this.#awaitedTo) return false;
    const key = recordKey(record);
    const left = this.#awaited.get(key) ?? 0;
    if (left > 1) this.#awaited.set(key, left - 1);
    else this.#awaited.delete(key);
    return left > 0;
  }
}
