import { Kvm } from '@nats-io/kv';
import type { KvWatchEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Logger } from '@bkg/sdk';
import { backoffMs, delay } from '@bkg/sdk/host';

export interface BucketWatchOptions {
  bucket: string;
  nats: NatsConnection;
  log: Logger;
  /** Every value that is there comes after this, from the first on. */
  onBegin: () => void;
  onEntry: (entry: KvWatchEntry) => void;
  /** Everything that was there has been given to `onEntry`. */
  onComplete: () => void;
}

/** When nothing has come for so long a bucket counts as empty. */
const emptyAfterMs = 500;
/** Between two tries. */
const backoff = { firstMs: 100, mostMs: 2_000 };

/**
 * Reads a KV bucket and goes on hearing of its changes, whatever happens to it. The library's own watch resumes by
 * sequence number, and hears nothing for ever when the bucket was made anew, as a bucket in memory is after each
 * restart of the broker: here every doubt ends in reading it all again.
 */
export class BucketWatch {
  readonly #options: BucketWatchOptions;
  readonly #ending = new AbortController();
  #restart = new AbortController();

  constructor(options: BucketWatchOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Reads everything again, at once. */
  restart(): void {
    this.#restart.abort(new Error('read again'));
  }

  close(): void {
    this.#ending.abort(new Error('closed'));
  }

  async #run(): Promise<void> {
    const { bucket, log } = this.#options;
    let failures = 0;
    while (!this.#ending.signal.aborted) {
      const restart = new AbortController();
      this.#restart = restart;
      const signal = AbortSignal.any([restart.signal, this.#ending.signal]);
      try {
        await this.#watch(signal, () => (failures = 0));
      } catch (error) {
        // A bucket that is not there yet, or a broker that is away: others report these.
        if (!signal.aborted) log.debug({ bucket, error }, 'the bucket cannot be read; trying again');
      }
      // Its one failure is the signal's, and then there is nothing to wait for.
      await delay(backoffMs(failures, backoff), signal).catch(() => undefined);
      failures = restart.signal.aborted ? 0 : failures + 1;
    }
  }

  /** Resolves when the watch is over. */
  async #watch(signal: AbortSignal, onComplete: () => void): Promise<void> {
    const { bucket, nats, onBegin, onEntry } = this.#options;
    const kv = await new Kvm(nats).open(bucket, { bindOnly: true });
    const entries = await kv.watch();
    const stop = (): void => entries.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let completed = false;
    const complete = (): void => {
      if (completed || signal.aborted) return;
      completed = true;
      onComplete();
      this.#options.onComplete();
    };
    onBegin();
    // The library does not say that there is nothing to come.
    const empty = setTimeout(complete, emptyAfterMs);
    try {
      for await (const entry of entries) {
        clearTimeout(empty);
        onEntry(entry);
        if (entry.isUpdate) complete();
      }
    } finally {
      clearTimeout(empty);
      signal.removeEventListener('abort', stop);
    }
  }
}
