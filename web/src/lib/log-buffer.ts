import { recordKey, type LogRecord } from '@bkg/sdk/protocol';
import { LogArrivals } from './log-arrivals.ts';
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
  /** The time of the newest line when all were cleared: what is stored up to then is not wanted again. */
  #clearedTo = '';
  #arrivals: LogArrivals;

  constructor({ most = 5_000 }: LogBufferOptions = {}) {
    this.most = most;
    this.#arrivals = new LogArrivals(most);
  }

  /** Oldest first. A copy each time: whoever shows it sees by comparing that something came. */
  get rows(): readonly LogRow[] {
    return this.#rows.slice(-this.most);
  }

  /** Rows that came and are not kept any more. */
  get evicted(): number {
    return Math.max(0, this.#total - this.most);
  }

  /** One that has just arrived; it may be here already, or be older than what was asked for. */
  push(record: LogRecord): void {
    if (this.#arrivals.isNews(record)) this.#addRecord(record);
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

  /** Adds the first stored records, oldest first. Older ones are not wanted, whether they are here or still to arrive. */
  begin(stored: readonly LogRecord[]): void {
    const [first] = stored;
    if (first) this.#dropBefore(first);
    this.#arrivals.beginAt(stored);
    for (const row of this.#rows) if (row.kind === 'line') this.#arrivals.noteHeard(row.record.instance);
    this.merge(stored);
  }

  /**
   * Adds stored records, oldest first, leaving out those that are here already: a stored page and the live lines
   * around it overlap. Two equal records stay two.
   * @returns how many were added
   */
  merge(stored: readonly LogRecord[]): number {
    const wanted = stored.filter(({ time }) => time > this.#clearedTo);
    const from = wanted[0]?.time ?? '';
    const known = new Map<string, number>();
    for (const row of this.#rows) {
      if (row.kind !== 'line' || row.record.time < from) continue;
      const key = recordKey(row.record);
      known.set(key, (known.get(key) ?? 0) + 1);
    }
    const missing = wanted.filter((record) => {
      const key = recordKey(record);
      const left = known.get(key) ?? 0;
      known.set(key, left - 1);
      return left <= 0;
    });
    if (missing.length === 0) return 0;
    this.#arrivals.await(missing);
    this.#insert(missing);
    return missing.length;
  }

  clear(): void {
    this.#clearedTo = this.newestTime ?? '';
    this.#rows = [];
    this.#total = 0;
    this.lost = 0;
  }

  /** The time of the newest line, also of one that was cleared, to ask the store for what came after it. */
  get newestTime(): string | undefined {
    const newest = this.#rows.findLast((row): row is LogLine => row.kind === 'line');
    return newest?.record.time ?? (this.#clearedTo || undefined);
  }

  /** Of those that came in the millisecond of the first their order tells which came before it. */
  #dropBefore(first: LogRecord): void {
    const key = recordKey(first);
    const isFirst = (record: LogRecord) => record.time === first.time && recordKey(record) === key;
    const at = this.#rows.findIndex((row) => row.kind === 'line' && isFirst(row.record));
    const kept = this.#rows.filter((row, i) => {
      if (row.kind === 'gap') return true;
      return row.record.time > first.time || (row.record.time === first.time && i >= at);
    });
    this.#total -= this.#rows.length - kept.length;
    this.#rows = kept;
  }

  #addRecord(record: LogRecord): void {
    this.#add(toLogLine(record, this.#nextSeq));
  }

  #add(row: LogRow): void {
    this.#nextSeq += 1;
    this.#total += 1;
    this.#rows.push(row);
    if (this.#rows.length >= this.most * 1.2) this.#rows = this.#rows.slice(-this.most);
  }

  /**
   * Stored records can be older than live ones that are here already: those are put behind them. Rows before all of them
   * keep their numbers, so that who reads there is left there.
   */
  #insert(records: LogRecord[]): void {
    const [from, last] = [records[0]?.time ?? '', this.newestTime ?? ''];
    const isLater = (row: LogRow) => row.kind === 'line' && row.record.time >= from;
    const tail = from < last ? this.#rows.splice(this.#rows.findIndex(isLater)) : [];
    this.#total -= tail.length;
    let at = 0;
    for (const row of tail) {
      const time = row.kind === 'line' ? row.record.time : undefined;
      while (time !== undefined && at < records.length && (records[at]?.time ?? '') <= time) {
        this.#addRecord(records[at++] as LogRecord);
      }
      this.#add({ ...row, seq: this.#nextSeq });
    }
    for (; at < records.length; at++) this.#addRecord(records[at] as LogRecord);
  }
}
