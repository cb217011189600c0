import { createHash } from 'node:crypto';
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
 * Joins what was kept of a log with what arrives live, each record once. Records have no numbers: two are the same when
 * all that they say is the same, their time included, and one that was said twice is printed twice.
 */
export class LogJoin {
  readonly #print: (record: LogRecord) => void;
  readonly #memory = new Map<string, Memory>();
  /** Instances of which nothing has come yet that was kept or is newer, with the times between which that was. */
  readonly #behind = new Map<string, { from: string; to: string }>();
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
    for (const { instance, time } of records) {
      const { from } = this.#behind.get(instance) ?? { from: time };
      this.#behind.set(instance, { from, to: time });
    }
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
    if (!isKept && this.#isTooOld(record)) return;
    // Those of one instance come in their order.
    this.#behind.delete(record.instance);
    if (isKept) {
      memory.awaited -= 1;
      return;
    }
    memory.printed += 1;
    this.#print(record);
  }

  /** Of one that was not kept. */
  #isTooOld({ instance, time }: LogRecord): boolean {
    const kept = this.#behind.get(instance);
    // Of the millisecond of the first, it came before that, or what was kept would not go on after it.
    return kept !== undefined && (time < kept.from || (time === kept.from && time < kept.to));
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

/** The order of members is that of whoever wrote the record last. */
function keyOf(record: LogRecord): string {
  const members = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha1').update(JSON.stringify(members)).digest('base64');
}
