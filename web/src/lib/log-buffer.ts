import type { LogRecord } from '@bkg/sdk/protocol';
import { toLogLine, type LogLine, type LogRow } from './log-line.ts';

export interface LogBufferOptions {
  /** Rows kept. @default 5000 */
  most?: number;
}

/**
 * The newest rows of a plugin's log. Old rows leave in blocks: shifting an array of thousands for every line
 * would cost more than showing it.
 */
export class LogBuffer {
  readonly most: number;
  /** Lines that the gateway had to leave out because this page was too slow. */
  lost = 0;
  #rows: LogRow[] = [];
  #nextSeq = 1;
  #total = 0;

  constructor({ most = 5_000 }: LogBufferOptions = {}) {
    this.most = most;
  }

  /** Oldest first. A copy each time: whoever shows it sees by comparing that something came. */
  get rows(): readonly LogRow[] {
    return this.#rows.slice(-this.most);
  }

  /** Rows that came and are not kept any more. */
  get evicted(): number {
    return Math.max(0, this.#total - this.most);
  }

  push(record: LogRecord): void {
    this.#add(toLogLine(record, this.#nextSeq));
  }

  /** Marks that `count` lines are missing here. */
  pushLoss(count: number): void {
    this.lost += count;
    const noun = count === 1 ? 'line is' : 'lines are';
    this.pushGap(
      `${count.toLocaleString('en-US')} ${noun} missing: they came faster than this page could take them`,
    );
  }

  pushGap(text: string): void {
    this.#add({ kind: 'gap', seq: this.#nextSeq, text });
  }

  /**
   * Adds stored records, oldest first, leaving out those that are here already: a stored page and the live lines
   * around it overlap, and a record has no number of its own. Two equal records stay two.
   * @returns how many were added
   */
  merge(stored: readonly LogRecord[]): number {
    const from = stored[0]?.time ?? '';
    const known = new Map<string, number>();
    for (const row of this.#rows) {
      if (row.kind !== 'line' || row.record.time < from) continue;
      const key = keyOf(row.record);
      known.set(key, (known.get(key) ?? 0) + 1);
    }
    const missing = stored.filter((record) => {
      const key = keyOf(record);
      const left = known.get(key) ?? 0;
      known.set(key, left - 1);
      return left <= 0;
    });
    if (missing.length === 0) return 0;
    this.#insert(missing);
    return missing.length;
  }

  clear(): void {
    this.#rows = [];
    this.#total = 0;
    this.lost = 0;
  }

  /** The time of the newest line, to ask the store for what came after it. */
  get newestTime(): string | undefined {
    return this.#rows.findLast((row): row is LogLine => row.kind === 'line')?.record.time;
  }

  #add(row: LogRow): void {
    this.#nextSeq += 1;
    this.#total += 1;
    this.#rows.push(row);
    if (this.#rows.length >= this.most * 1.2) this.#rows = this.#rows.slice(-this.most);
  }

  /** Stored records can be older than live ones that are here already: rows are put in order of time again. */
  #insert(records: LogRecord[]): void {
    const last = this.newestTime;
    if (last === undefined || (records[0]?.time ?? '') >= last) {
      for (const record of records) this.push(record);
      return;
    }
    const tail = this.#rows;
    this.#rows = [];
    this.#total -= tail.length;
    let at = 0;
    for (const row of tail) {
      const time = row.kind === 'line' ? row.record.time : undefined;
      while (time !== undefined && at < records.length && (records[at]?.time ?? '') <= time) {
        this.push(records[at++] as LogRecord);
      }
      this.#add({ ...row, seq: this.#nextSeq });
    }
    for (; at < records.length; at++) this.push(records[at] as LogRecord);
  }
}

function keyOf(record: LogRecord): string {
  const { time, instance, level, source, message, invocation_id } = record;
  return JSON.stringify([time, instance, level, source, message, invocation_id]);
}
