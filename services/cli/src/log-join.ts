import { createHash } from 'node:crypto';
import { LogBacklog, recordKey } from '@bkg/sdk/protocol';
import type { LogRecord } from '@bkg/sdk/protocol';

/** How many of the records that were printed last are remembered. */
const rememberedMost = 50_000;
/** How many may wait while older ones are read. */
const heldMost = 50_000;

interface Memory {
  /** How often it was printed. */
  printed: number;
  /** How often it was printed from what was kept, so that it may still arrive live. */
  awaited: number;
}

/**
 * Joins what was kept of a log with what arrives live, each record once; one that was said twice is printed twice.
 */
export class LogJoin {
  readonly #print: (record: LogRecord) => void;
  readonly #memory = new Map<string, Memory>();
  readonly #backlog = new LogBacklog();
  #held: LogRecord[] | undefined;
  #droppedHeld = 0;

  constructor(print: (record: LogRecord) => void) {
    this.#print = print;
  }

  /** From here on what arrives waits, because what was kept is being read. */
  hold(): void {
    this.#held ??= [];
  }

  /** One that has just happened. */
  live(record: LogRecord): void {
    if (this.#held) this.#keepHeld(this.#held, record);
    else this.#show(record);
  }

  /**
   * Older ones than these are not wanted: what waits does not count when it came before them, nor what is still on its
   * way, since it may take longer than the answer with what was kept.
   */
  beginAt(records: readonly LogRecord[]): void {
    const [first] = records;
    if (!first) return;
    const key = keyOf(first);
    // Several may be of one millisecond, in which case their order tells.
    const at = this.#held?.findIndex((record) => record.time === first.time && keyOf(record) === key) ?? -1;
    this.#held = this.#held?.filter(({ time }, i) => time > first.time || (time === first.time && i >= at));
    this.#backlog.beginAt(records);
  }

  /**
   * What was kept, oldest first, and then what waited meanwhile.
   * @returns how many that waited had no room
   */
  kept(records: readonly LogRecord[]): number {
    const seen = new Map<string, number>();
    for (const record of records) {
      const key = keyOf(record);
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      const memory = this.#memoryOf(key);
      if (times <= memory.printed) continue;
      memory.printed += 1;
      memory.awaited += 1;
      this.#print(record);
    }
    return this.release();
  }

  /** Lets go what waited. @returns how many had no room */
  release(): number {
    const held = this.#held ?? [];
    const dropped = this.#droppedHeld;
    this.#held = undefined;
    this.#droppedHeld = 0;
    for (const record of held) this.#show(record);
    return dropped;
  }

  #show(record: LogRecord): void {
    const memory = this.#memoryOf(keyOf(record));
    const isKept = memory.awaited > 0;
    if (!isKept && this.#backlog.isTooOld(record)) return;
    this.#backlog.noteHeard(record.instance);
    if (isKept) {
      memory.awaited -= 1;
      return;
    }
    memory.printed += 1;
    this.#print(record);
  }

  #keepHeld(held: LogRecord[], record: LogRecord): void {
    held.push(record);
    if (held.length <= heldMost) return;
    held.shift();
    this.#droppedHeld += 1;
  }

  /** That of the least recently printed record makes room. */
  #memoryOf(key: string): Memory {
    const memory = this.#memory.get(key) ?? { printed: 0, awaited: 0 };
    this.#memory.delete(key);
    this.#memory.set(key, memory);
    const [oldest] = this.#memory.size > rememberedMost ? this.#memory.keys() : [];
    if (oldest !== undefined) this.#memory.delete(oldest);
    return memory;
  }
}

/** Short: many are remembered. */
function keyOf(record: LogRecord): string {
  return createHash('sha1').update(recordKey(record)).digest('base64');
}
