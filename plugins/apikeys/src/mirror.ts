import type { KvWatchEntry } from '@nats-io/kv';
import { BkgError } from '@bkg/sdk';
import type { Connection, Logger } from '@bkg/sdk';
import { backoffMs, delay, settlesWithin } from '@bkg/sdk/host';
import { Bucket } from './bucket.ts';
import { changesBetween, Contents, parseKey } from './contents.ts';
import type { Change } from './contents.ts';
import type { Kinds } from './record.ts';

export interface MirrorOptions {
  connection: Connection;
  log: Logger;
  /** Hears of every change, whoever has made it, once this instance knows of it. */
  onChange: (change: Change) => void;
}

/** Written to the bucket to learn, by its revision, that everything before it was heard of. */
const markKey = 'mark';
const catchUpMs = 2_000;
/** Without news for so long, what was written last may have been forgotten by the bucket itself. */
const silentMs = 250;
const retryBackoff = { firstMs: 100, mostMs: 2_000 };

/**
 * The bucket's contents in memory, kept up by a watch. Every doubt ends in reading it all again: the library's own watch
 * would resume by revision, and hear nothing for ever of a bucket that was made anew.
 */
export class Mirror {
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #onChange: (change: Change) => void;
  readonly #ending = new AbortController();
  readonly #unwatch: () => void;
  readonly #running: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #restart = new AbortController();
  #bucket: Bucket | undefined;
  #contents = new Contents();
  /** Everything up to this revision was heard of. */
  #heard = 0;
  /** False from the loss of the broker until everything was read again. */
  #isWhole = false;
  #problem: unknown;

  constructor({ connection, log, onChange }: MirrorOptions) {
    this.#connection = connection;
    this.#log = log;
    this.#onChange = onChange;
    // What happens while the broker is away is not heard of; it is read again when it is back.
    this.#unwatch = connection.onStatus(() => this.#readAgain('the broker was away'));
    this.#running = this.#run();
  }

  get contents(): Contents {
    return this.#contents;
  }

  /** Everything up to this revision of the bucket is in `contents`. */
  get heard(): number {
    return this.#heard;
  }

  /** Why it could not be read last. */
  get problem(): unknown {
    return this.#problem;
  }

  /** @throws BkgError PLUGIN_UNAVAILABLE before it was read for the first time */
  get bucket(): Bucket {
    if (!this.#bucket) throw unreadable();
    return this.#bucket;
  }

  /** Waits until it can be trusted. @throws BkgError PLUGIN_UNAVAILABLE when that takes too long; the reason of `signal` */
  async whole(withinMs = catchUpMs, signal?: AbortSignal): Promise<void> {
    if (!this.#isWhole) await this.#until(() => this.#isWhole, withinMs, signal);
  }

  /** Waits until everything that was written before this call is in it. @throws BkgError PLUGIN_UNAVAILABLE */
  async current(): Promise<void> {
    await this.whole();
    const { heard, bucket } = { heard: this.#heard, bucket: this.bucket };
    const last = await bucket.lastRevision().catch((error: unknown) => {
      this.#readAgain('the bucket does not answer');
      throw error;
    });
    if (last < heard) this.#readAgain('the bucket was made anew');
    const isCurrent = (): boolean => this.#isWhole && this.#heard >= last;
    if (isCurrent()) return;
    try {
      await this.#until(isCurrent, silentMs);
    } catch {
      // What was written last may have been forgotten since, and nothing would ever come.
      await mark(bucket);
      await this.#until(isCurrent, catchUpMs);
    }
  }

  /** What this instance has written itself is in it at once. */
  apply(change: (contents: Contents) => Change | undefined, revision: number): void {
    if (revision === this.#heard + 1) this.#heard = revision;
    this.#tell(change(this.#contents));
  }

  async close(): Promise<void> {
    this.#unwatch();
    this.#ending.abort(new Error('closed'));
    await this.#running;
  }

  #readAgain(why: string): void {
    this.#isWhole = false;
    this.#restart.abort(new Error(why));
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#ending.signal.aborted; ) {
      this.#restart = new AbortController();
      const signal = AbortSignal.any([this.#restart.signal, this.#ending.signal]);
      try {
        await this.#follow(signal, () => (failures = 0));
      } catch (error) {
        this.#problem = error;
        const level = failures === 0 && this.#connection.connected ? 'warn' : 'debug';
        if (!signal.aborted) this.#log[level]({ error }, 'the bucket of the keys cannot be read; trying again');
      }
      this.#isWhole = false;
      // Its one failure is the signal's, and then there is nothing to wait for.
      await delay(backoffMs(failures, retryBackoff), signal).catch(() => undefined);
      failures += 1;
    }
  }

  /** Reads everything, and then every change; ends when `signal` aborts or the watch is over. */
  async #follow(signal: AbortSignal, onWhole: () => void): Promise<void> {
    const bucket = await Bucket.open(this.#connection);
    const entries = await bucket.watch();
    const stop = (): void => entries.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const last = await mark(bucket);
      const read = new Contents();
      for await (const entry of entries) {
        if (signal.aborted) break;
        if (this.#isWhole) {
          this.#heard = Math.max(this.#heard, entry.revision);
          this.#tell(this.#take(this.#contents, entry));
        } else {
          this.#take(read, entry);
          if (entry.revision >= last) {
            this.#replace(bucket, read, entry.revision);
            onWhole();
          }
        }
        for (const look of [...this.#waiting]) look();
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  #replace(bucket: Bucket, read: Contents, revision: number): void {
    const before = this.#bucket && this.#contents;
    this.#bucket = bucket;
    this.#contents = read;
    this.#heard = revision;
    this.#isWhole = true;
    // What is there at the start has not changed.
    if (before) for (const change of changesBetween(before, read)) this.#tell(change);
  }

  #take(contents: Contents, entry: KvWatchEntry): Change | undefined {
    const { key, revision } = entry;
    const named = parseKey(key);
    if (!named) {
      if (key !== markKey) this.#log.warn({ key }, 'the bucket of the keys holds something that is not ours');
      return undefined;
    }
    const removal = { revision, at: entry.created.getTime() };
    if (entry.operation !== 'PUT') return contents.remove(named.kind, named.id, removal);
    try {
      const value = entry.json<Kinds[typeof named.kind]>();
      return contents.put(named.kind, named.id, { value, revision });
    } catch (error) {
      this.#log.error({ error, key }, 'an entry of the bucket of the keys is not JSON; it counts as removed');
      return contents.remove(named.kind, named.id, removal);
    }
  }

  #tell(change: Change | undefined): void {
    if (change) this.#onChange(change);
  }

  /** @throws BkgError PLUGIN_UNAVAILABLE when it is not so in time; the reason of `signal` */
  async #until(isSo: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => void (isSo() && resolve());
    const stop = (): void => reject(signal?.reason as Error);
    this.#waiting.add(look);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      signal?.throwIfAborted();
      look();
      if (!(await settlesWithin(promise, ms))) throw unreadable();
    } finally {
      this.#waiting.delete(look);
      signal?.removeEventListener('abort', stop);
    }
  }
}

/** @returns its revision: it means nothing else */
function mark(bucket: Bucket): Promise<number> {
  return bucket.write(markKey, { at: new Date().toISOString() }, {});
}

function unreadable(): BkgError {
  return new BkgError(
    'PLUGIN_UNAVAILABLE',
    'The bucket of the API keys cannot be read now; it is being tried again.',
  );
}
