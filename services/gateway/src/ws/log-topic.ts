import type { Broker } from '../mesh/broker.ts';
import { Audience } from './audience.ts';
import type { PluginFilter } from './audience.ts';
import { LogRing } from './log-ring.ts';
import type { LogRingOptions, RingEntry } from './log-ring.ts';
import { everyPlugin } from './log-source.ts';
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
  followers: number;
  /** All lines after this number were heard. */
  since: number;
  leave: () => void;
  late: NodeJS.Timeout | undefined;
}

/** Who names more plugins is heard with one subscription to all of them. */
const namedMost = 32;

/** The log lines of plugins, for clients that are there and for those who come back. */
export class LogTopic {
  readonly #broker: Broker;
  readonly #source: LogSource;
  readonly #sequence: Sequence;
  readonly #keptMs: number;
  readonly #idleMost: number;
  readonly #ring: LogRing;
  readonly #kept = new Map<string, Kept>();
  /** Without followers, in the order in which these left. */
  readonly #idle = new Set<string>();
  /** Of which the broker does not know for sure yet. */
  readonly #unheard = new Set<Kept>();
  readonly #audience = new Audience<LogFollower>();
  /** Of whose subscription the broker does not know for sure yet. */
  readonly #waiting = new Set<LogFollower>();
  #isBeginning = false;

  constructor(broker: Broker, source: LogSource, sequence: Sequence, options: LogTopicOptions = {}) {
    this.#broker = broker;
    this.#source = source;
    this.#sequence = sequence;
    this.#keptMs = options.keptMs ?? 60_000;
    this.#idleMost = options.idleMost ?? 256;
    this.#ring = new LogRing(options);
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
    const keys = plugins && plugins.size <= namedMost ? [...plugins] : [everyPlugin];
    for (const key of keys) this.#keep(key);
    const leave = this.#audience.add(plugins, follower);
    if (canResume) for (const entry of this.#ring.after(afterSeq, plugins)) follower.line(entry);
    else {
      this.#waiting.add(follower);
      this.#begin();
    }
    return () => {
      leave();
      this.#waiting.delete(follower);
      for (const key of keys) this.#release(key);
    };
  }

  close(): void {
    for (const { late } of this.#kept.values()) clearTimeout(late);
  }

  #reachesBackTo(seq: number, plugins: PluginFilter): boolean {
    const isHeard = (key: string): boolean => (this.#kept.get(key)?.since ?? Infinity) <= seq;
    const areHeard = isHeard(everyPlugin) || (plugins !== undefined && [...plugins].every(isHeard));
    return areHeard && seq <= this.#sequence.last && this.#ring.reachesBackTo(seq, plugins);
  }

  #keep(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) {
      const leave = this.#source.want(key);
      const begun = { followers: 1, since: Infinity, leave, late: undefined };
      this.#kept.set(key, begun);
      this.#unheard.add(begun);
      return;
    }
    clearTimeout(kept.late);
    this.#idle.delete(key);
    kept.followers += 1;
  }

  #release(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    kept.followers -= 1;
    if (kept.followers > 0) return;
    kept.late = setTimeout(() => this.#forget(key), this.#keptMs).unref();
    this.#idle.add(key);
    // A client may name any number of plugins one after the other, also such as do not exist.
    for (const oldest of this.#idle) {
      if (this.#idle.size <= this.#idleMost) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    clearTimeout(kept.late);
    this.#idle.delete(key);
    this.#unheard.delete(kept);
    this.#kept.delete(key);
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
    const { nats } = this.#broker;
    if (!this.#broker.connected || !nats) return;
    const beginning = [...this.#waiting];
    const unheard = [...this.#unheard];
    try {
      await nats.flush();
    } catch {
      // The connection was lost meanwhile: they go on waiting for its return.
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
