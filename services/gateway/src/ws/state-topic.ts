import { Audience } from './audience.ts';
import type { PluginFilter } from './audience.ts';
import { joined } from './plugin-bodies.ts';
import type { Sequence } from './sequence.ts';
import { StateLog } from './state-log.ts';
import type { StateChange, StateLogOptions } from './state-log.ts';

export interface StateTopicOptions extends StateLogOptions {
  sequence: Sequence;
  /** A plugin's state as JSON; undefined when there is no such plugin. */
  encode: (id: string) => Uint8Array | undefined;
  /** There is nothing to tell before the registry was read. */
  isReady: () => boolean;
}

/** What follows a topic: to be called when there may be something new, any number of times. */
export interface Follower {
  wake(): void;
}

/** How long the encoding of everything is good when nothing has changed: telemetry in it does. */
const snapshotFreshMs = 1_000;

/** The states of all plugins, for any number of clients that are each as far as they are. */
export class StateTopic {
  readonly #options: StateTopicOptions;
  readonly #log: StateLog;
  readonly #audience = new Audience<Follower>();
  readonly #changed = new Set<string>();
  #snapshot: { at: number; seq: number; body: Buffer } | undefined;
  #lastSeq = 0;
  #isTelling = false;

  constructor(options: StateTopicOptions) {
    this.#options = options;
    this.#log = new StateLog(options);
  }

  get isReady(): boolean {
    return this.#options.isReady();
  }

  /** @returns ends it */
  follow(plugins: PluginFilter, follower: Follower): () => void {
    return this.#audience.add(plugins, follower);
  }

  /** Whether anybody follows this plugin who has named it. */
  isNamed(id: string): boolean {
    return this.#audience.isNamed(id);
  }

  changed(id: string): void {
    this.#lastSeq = this.#options.sequence.next();
    this.#log.changed(id, this.#lastSeq);
    this.#tell(id);
  }

  gone(id: string): void {
    this.#lastSeq = this.#options.sequence.next();
    this.#log.gone(id, this.#lastSeq);
    this.#tell(id);
  }

  /** Whether everything since `seq` can be told. */
  reachesBackTo(seq: number): boolean {
    return seq >= this.#log.floor && seq <= this.#options.sequence.last;
  }

  after(seq: number, plugins: PluginFilter): StateChange | undefined {
    return this.#log.after(seq, plugins);
  }

  encode(id: string): Uint8Array | undefined {
    return this.#options.encode(id);
  }

  /** All states as a JSON array, by plugin id. */
  encodeAll(plugins: PluginFilter): Buffer {
    if (plugins) return this.#join([...plugins].sort());
    const known = this.#snapshot;
    const now = performance.now();
    if (known && known.seq === this.#lastSeq && now - known.at < snapshotFreshMs) return known.body;
    const body = this.#join(this.#log.ids());
    this.#snapshot = { at: now, seq: this.#lastSeq, body };
    return body;
  }

  /** The registry was read, be it that it is empty. */
  tellAll(): void {
    for (const follower of this.#audience.everybody()) follower.wake();
  }

  #join(ids: string[]): Buffer {
    return joined(ids.flatMap((id) => this.#options.encode(id) ?? []));
  }

  /** Many plugins change at once when the broker goes or comes: clients are told once. */
  #tell(id: string): void {
    this.#changed.add(id);
    if (this.#isTelling) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      const followers = this.#audience.of(this.#changed);
      this.#changed.clear();
      for (const follower of followers) follower.wake();
    });
  }
}
