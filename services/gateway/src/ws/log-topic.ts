import type { Broker } from '../mesh/broker.ts';
import { Audience } from './audience.ts';
import type { PluginFilter } from './audience.ts';
import { LogRing } from './log-ring.ts';
import type { LogRingOptions, RingEntry } from './log-ring.ts';
import { everyPlugin, keysOf } from './event-source.ts';
import { Lingering } from './lingering.ts';
import type { LogSource } from './log-source.ts';
import type { Sequence } from './sequence.ts';

export interface LogTopicOptions extends LogRingOptions {
  /** How long lines go on being heard for a client that may come back. @default 60000 */
  keptMs?: number;
  /** For so many plugins at the same time; beyond, the one that was left first is forgotten at once. @default 256 */
  idleMost?: number;
}

/** A subscription to log lines. */
export interface LogFollower {
  /** From here on it hears everything. */
  begin(seq: number): void;
  line(entry: RingEntry): void;
  /** The broker was away: nobody knows what is missing here. */
  gap(seq: number): void;
}

/** What is heard because of one filter, or has been a moment ago. */
interface Kept {
  /** All lines after this number were heard. */
  since: number;
  leave: () => void;
}

/** The log lines of plugins, for clients that are there and for those who come back. */
export class LogTopic {
  readonly #broker: Broker;
  readonly #sequence: Sequence;
  readonly #ring: LogRing;
  readonly #kept: Lingering<Kept>;
  /** Of which the broker does not know for sure yet. */
  readonly #unheard = new Set<Kept>();
  readonly #audience = new Audience<LogFollower>();
  /** Of whose subscription the broker does not know for sure yet. */
  readonly #waiting = new Set<LogFollower>();
  #isBeginning = false;

  constructor(broker: Broker, source: LogSource, sequence: Sequence, options: LogTopicOptions = {}) {
    this.#broker = broker;
    this.#sequence = sequence;
    this.#ring = new LogRing(options);
    this.#kept = new Lingering({
      keptMs: options.keptMs ?? 60_000,
      idleMost: options.idleMost ?? 256,
      begin: (key) => {
        const kept = { since: Infinity, leave: source.want(key) };
        this.#unheard.add(kept);
        return kept;
      },
      end: (kept) => this.#forget(kept),
    });
    source.onLine(({ pluginId, body }) => {
      if (!this.#kept.has(everyPlugin) && !this.#kept.has(pluginId)) return;
      const entry = { seq: sequence.next(), pluginId, body };
      this.#ring.push(entry);
      for (const follower of this.#audience.of([pluginId])) {
        if (!this.#waiting.has(follower)) follower.line(entry);
      }
    });
    broker.onStatus((connected) => {
      if (connected) this.#begin();
      else this.#lost();
    });
  }

  /**
   * @param afterSeq what the client has from this gateway; undefined when it has nothing
   * @returns ends it
   */
  follow(plugins: PluginFilter, follower: LogFollower, afterSeq: number | undefined): () => void {
    const canResume = afterSeq !== undefined && this.#reachesBackTo(afterSeq, plugins);
    const keys = keysOf(plugins);
    for (const key of keys) this.#kept.keep(key);
    const leave = this.#audience.add(plugins, follower);
    if (canResume) for (const entry of this.#ring.after(afterSeq, plugins)) follower.line(entry);
    else {
      this.#waiting.add(follower);
      this.#begin();
    }
    return () => {
      leave();
      this.#waiting.delete(follower);
      for (const key of keys) this.#kept.release(key);
    };
  }

  close(): void {
    this.#kept.close();
  }

  #reachesBackTo(seq: number, plugins: PluginFilter): boolean {
    const isHeard = (key: string): boolean => (this.#kept.get(key)?.since ?? Infinity) <= seq;
    const areHeard = isHeard(everyPlugin) || (plugins !== undefined && [...plugins].every(isHeard));
    return areHeard && seq <= this.#sequence.last && this.#ring.reachesBackTo(seq, plugins);
  }

  #forget(kept: Kept): void {
    this.#unheard.delete(kept);
    kept.leave();
    if (this.#kept.size === 0) this.#ring.clear(this.#sequence.last);
  }

  /** For all who come in one turn: many do when a gateway starts. */
  #begin(): void {
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    setImmediate(() => {
      this.#isBeginning = false;
      void this.#confirm();
    });
  }

  /** Tells those who wait, once the broker has taken their subscriptions. */
  async #confirm(): Promise<void> {
    if (!this.#broker.connected) return;
    const beginning = [...this.#waiting];
    const unheard = [...this.#unheard];
    if (!(await this.#broker.flush())) {
      // When the connection was lost meanwhile, they go on waiting for its return.
      if (this.#broker.connected) this.#begin();
      return;
    }
    const seq = this.#sequence.last;
    for (const kept of unheard) if (this.#unheard.delete(kept)) kept.since = seq;
    for (const follower of beginning) if (this.#waiting.delete(follower)) follower.begin(seq);
  }

  #lost(): void {
    const seq = this.#sequence.next();
    this.#ring.clear(seq);
    for (const follower of this.#audience.everybody()) {
      if (!this.#waiting.has(follower)) follower.gap(seq);
    }
  }
}
