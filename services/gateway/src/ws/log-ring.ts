import { Fifo } from '@bkg/sdk';
import type { PluginFilter } from './audience.ts';

export interface RingEntry {
  seq: number;
  pluginId: string;
  body: Buffer;
}

export interface LogRingOptions {
  /** @default 4 MiB */
  keptMostBytes?: number;
  /** @default 10000 */
  keptMost?: number;
}

/** Anybody may publish under any name: of this many plugins it is remembered what was lost. */
const pluginsMost = 10_000;

/** The latest log lines, for clients that come back. */
export class LogRing {
  readonly #mostBytes: number;
  readonly #most: number;
  readonly #entries = new Fifo<RingEntry>();
  #bytes = 0;
  /** Before this number nothing is known of any plugin. */
  #floor = 0;
  #lastLost = 0;
  readonly #lostOf = new Map<string, number>();

  constructor({ keptMostBytes = 4 * 1024 * 1024, keptMost = 10_000 }: LogRingOptions = {}) {
    this.#mostBytes = keptMostBytes;
    this.#most = keptMost;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(entry: RingEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.body.length;
    while (this.#bytes > this.#mostBytes || this.size > this.#most) this.#lose();
  }

  /** Whether all lines of these plugins that came after `seq` are here. */
  reachesBackTo(seq: number, plugins: PluginFilter): boolean {
    const lost = plugins ? [...plugins].map((id) => this.#lostOf.get(id) ?? 0) : [this.#lastLost];
    return seq >= Math.max(this.#floor, ...lost);
  }

  after(seq: number, plugins: PluginFilter): RingEntry[] {
    return [...this.#entries].filter((entry) => entry.seq > seq && (plugins?.has(entry.pluginId) ?? true));
  }

  /** Forgets everything: what came until `seq` is lost. */
  clear(seq: number): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#lostOf.clear();
    this.#floor = seq;
  }

  #lose(): void {
    const entry = this.#entries.shift();
    if (!entry) return;
    this.#bytes -= entry.body.length;
    this.#lastLost = entry.seq;
    this.#lostOf.set(entry.pluginId, entry.seq);
    if (this.#lostOf.size > pluginsMost) {
      this.#lostOf.clear();
      this.#floor = entry.seq;
    }
  }
}
