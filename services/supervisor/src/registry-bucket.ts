import { buckets } from '@bkg/sdk';
import type { Connection, Logger, RegistryEntry } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { Bucket } from './bucket.ts';
import { now } from './clock.ts';

export interface RegistryBucketOptions {
  connection: Connection;
  log: Logger;
  /** Undefined for a plugin that is not known any more. */
  entryOf: (id: string) => RegistryEntry | undefined;
  isKnown: (id: string) => boolean;
  /** False while another supervisor may act: what this one knows is old then. */
  mayWrite: () => boolean;
  /** Between two writes of one entry. */
  everyMs: number;
}

interface Written {
  /** Without the time, which is not a change. */
  text: string | undefined;
  at: number;
  timer: NodeJS.Timeout | undefined;
  writing: boolean;
  /** The last time it was tried. */
  failed: boolean;
  /** It is too large, which was said. */
  tooLarge: boolean;
}

/** Room for headers and the subject in the largest message. */
const spareBytes = 8 * 1024;

/** Keeps `bkg_registry` equal to what is known: written on change, the first at once, then at most once per `everyMs`. */
export class RegistryBucket {
  readonly #options: RegistryBucketOptions;
  readonly #bucket: Bucket;
  readonly #written = new Map<string, Written>();
  #closed = false;

  constructor(options: RegistryBucketOptions) {
    this.#options = options;
    this.#bucket = new Bucket(options.connection, buckets.registry, { storage: 'memory', history: 1 });
  }

  /** Something about a plugin may look different now. */
  changed(id: string): void {
    const written = this.#written.get(id) ?? {
      text: undefined,
      at: -Infinity,
      timer: undefined,
      writing: false,
      failed: false,
      tooLarge: false,
    };
    this.#written.set(id, written);
    // Of a plugin that has gone nothing more follows, for which it could be waited.
    const isUrgent = !written.failed && !this.#options.isKnown(id);
    if ((written.timer && !isUrgent) || written.writing || this.#closed) return;
    clearTimeout(written.timer);
    const waitMs = isUrgent ? 0 : Math.max(0, written.at + this.#options.everyMs - now());
    written.timer = setTimeout(() => void this.#write(id, written), waitMs);
  }

  /** The broker has come back, and has lost what it held in memory. What may not be written yet is as soon as it may. */
  writeAll(): void {
    this.#bucket.reopen();
    for (const [id, written] of this.#written) {
      written.text = undefined;
      written.at = -Infinity;
      clearTimeout(written.timer);
      written.timer = undefined;
      this.changed(id);
    }
  }

  /** Tidies now and then, until the signal. */
  async keepTidy({
    firstMs,
    everyMs,
    signal,
  }: {
    firstMs: number;
    everyMs: number;
    signal: AbortSignal;
  }): Promise<void> {
    for (let waitMs = firstMs; !signal.aborted; waitMs = everyMs) {
      // Its one failure is the signal's, which ends the loop.
      await delay(waitMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.#tidy();
    }
  }

  /** Removes what an earlier supervisor knew and this one does not, and the traces of what was removed. */
  async #tidy(): Promise<void> {
    try {
      for (const id of await this.#bucket.keys()) {
        if (!(await this.#mayWrite())) return;
        if (!this.#options.entryOf(id)) await this.#bucket.remove(id);
      }
      // Watchers have had an hour to hear of it.
      if (await this.#mayWrite()) await this.#bucket.forgetRemoved(3_600_000);
    } catch (error) {
      this.#options.log.warn({ error }, 'old entries of the registry could not be removed');
    }
  }

  /** The wait for the bucket may be longer than a lease. */
  async #mayWrite(): Promise<boolean> {
    if (!this.#options.mayWrite()) return false;
    await this.#bucket.ready();
    return this.#options.mayWrite();
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#written.values()) clearTimeout(timer);
  }

  async #write(id: string, written: Written): Promise<void> {
    written.timer = undefined;
    const entry = this.#fitting(this.#options.entryOf(id), written);
    const text = entry && JSON.stringify({ ...entry, observed_at: '' });
    if (text !== undefined && text === written.text) return;
    written.writing = true;
    written.failed = false;
    try {
      if (await this.#mayWrite()) {
        if (entry) await this.#bucket.put(id, JSON.stringify(entry));
        else await this.#bucket.remove(id);
        written.text = text;
      } else written.failed = true;
    } catch (error) {
      written.failed = true;
      if (this.#options.connection.connected) {
        this.#options.log.warn(
          { error, plugin_id: id },
          'an entry of the registry could not be written; trying again',
        );
      }
    }
    written.at = now();
    written.writing = false;
    if (!entry && !written.failed) this.#written.delete(id);
    // What came meanwhile, or the same again.
    else this.changed(id);
  }

  /** Better an entry without capabilities than one that says for ever what was true once. */
  #fitting(entry: RegistryEntry | undefined, written: Written): RegistryEntry | undefined {
    const mostBytes = this.#options.connection.maxPayloadBytes - spareBytes;
    if (!entry || Buffer.byteLength(JSON.stringify(entry)) <= mostBytes) return entry;
    if (!written.tooLarge)
      this.#options.log.error(
        { plugin_id: entry.id },
        `the capabilities are left out of the registry: with them the entry has more than ${mostBytes} bytes, raise max_payload of nats-server`,
      );
    written.tooLarge = true;
    return { ...entry, capabilities: [] };
  }
}
