import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { Bucket as KvBucket, Kvm } from '@nats-io/kv';
import type { KV, KvOptions, KvWatchEntry } from '@nats-io/kv';
import type { QueuedIterator } from '@nats-io/nats-core';
import { BkgError } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { refuseWhileBrokerIsAway } from './broker-away.ts';

const timeoutMs = 3_000;

export interface Stored {
  value: unknown;
  revision: number;
}

/** What is kept there was not written by us. */
export class UnreadableError extends Error {
  override name = 'UnreadableError';
}

/** A KV bucket that is made when it is not there, also after the broker has forgotten it. */
export class Bucket {
  readonly #connection: Connection;
  readonly #name: string;
  readonly #options: Partial<KvOptions>;
  #kv: Promise<KV> | undefined;

  constructor(connection: Connection, name: string, options: Partial<KvOptions>) {
    this.#connection = connection;
    this.#name = name;
    this.#options = { timeout: timeoutMs, ...options };
  }

  /**
   * Makes sure again, at the next use, that the bucket is there: a broker that comes back has lost what it held in
   * memory.
   */
  reopen(): void {
    this.#kv = undefined;
  }

  /** Waits until the bucket is there. */
  async ready(): Promise<void> {
    await this.#use(() => Promise.resolve());
  }

  /** @returns undefined for a key that is not there; 'removed' for one that somebody has removed, as long as that is known */
  async read(key: string): Promise<Stored | 'removed' | undefined> {
    const entry = await this.#use((kv) => kv.get(key));
    if (!entry) return undefined;
    if (entry.operation !== 'PUT') return 'removed';
    return { value: parse(entry.string(), `${this.#name} ${key}`), revision: entry.revision };
  }

  /**
   * Compare-and-set.
   * @param revision what was read; 0 for a key that must not be there yet
   * @returns the new revision
   * @throws BkgError CONFLICT when somebody else has written meanwhile
   */
  async write(key: string, value: unknown, revision: number): Promise<number> {
    const text = JSON.stringify(value);
    try {
      return await this.#use((kv) =>
        revision === 0 ? kv.create(key, text) : kv.update(key, text, revision, timeoutMs),
      );
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      throw new BkgError(
        'CONFLICT',
        `${key} was changed by somebody else meanwhile; look again and repeat.`,
        {
          cause: error,
        },
      );
    }
  }

  async put(key: string, text: string): Promise<void> {
    await this.#use((kv) => kv.put(key, text, { timeout: timeoutMs }));
  }

  /** @param revision removes only this one */
  async remove(key: string, revision?: number): Promise<void> {
    await this.#use((kv) => kv.purge(key, revision === undefined ? {} : { previousSeq: revision }));
  }

  /** Forgets that keys were removed, which is kept otherwise for ever. @param olderMs how long ago */
  async forgetRemoved(olderMs: number): Promise<void> {
    await this.#use(async (kv) => {
      if (!(kv instanceof KvBucket)) return;
      const before = Date.now() - olderMs;
      for (const { key, operation, revision, created } of await entriesOf(kv, '>')) {
        if (operation === 'PUT' || created.getTime() >= before) continue;
        // Not what was written to it since: the library's own `purgeDeletes` would take that, too.
        await kv.jsm.streams.purge(kv.stream, { filter: kv.subjectForKey(key), seq: revision + 1 });
      }
    });
  }

  /** @throws BkgError DEADLINE_EXCEEDED */
  async keys(): Promise<string[]> {
    return this.#use(async (kv) => allOf(await kv.keys(), `the keys of ${this.#name}`));
  }

  /** The values of a key that are kept, oldest first; what is not JSON is left out. @throws BkgError DEADLINE_EXCEEDED */
  async history(key: string): Promise<unknown[]> {
    const entries = await this.#use((kv) => entriesOf(kv, key));
    return entries.filter(({ operation }) => operation === 'PUT').flatMap((entry) => parsed(entry.string()));
  }

  async #use<T>(work: (kv: KV) => Promise<T>): Promise<T> {
    refuseWhileBrokerIsAway(this.#connection);
    this.#kv ??= new Kvm(this.#connection.nats).create(this.#name, this.#options);
    try {
      return await work(await this.#kv);
    } catch (error) {
      // Whatever it was: the bucket may have gone.
      if (!isWrongRevision(error)) this.reopen();
      throw isDiskFull(error) ? diskFull(error) : error;
    }
  }
}

/** All that is kept, oldest first. @throws BkgError DEADLINE_EXCEEDED */
async function entriesOf(kv: KV, key: string): Promise<KvWatchEntry[]> {
  return allOf(await kv.history({ key }), `the history of ${key}`);
}

/** @throws BkgError DEADLINE_EXCEEDED */
async function allOf<T>(list: QueuedIterator<T>, what: string): Promise<T[]> {
  // It would wait for a broker that goes away meanwhile.
  const timer = setTimeout(() => {
    list.stop(new BkgError('DEADLINE_EXCEEDED', `The broker does not give ${what}.`));
  }, timeoutMs);
  try {
    return await Array.fromAsync(list);
  } finally {
    clearTimeout(timer);
  }
}

function isWrongRevision(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}

/** It stores nothing then, and goes on by itself when there is room again. */
function isDiskFull(error: unknown): error is JetStreamApiError {
  return (
    error instanceof JetStreamApiError && /no space left on device|disk quota exceeded/i.test(error.message)
  );
}

function diskFull(cause: JetStreamApiError): BkgError {
  const text =
    'The disk of the broker is full, so nothing can be kept there and nothing was changed; make room and repeat.';
  return new BkgError('PLUGIN_UNAVAILABLE', text, { cause });
}

/** @returns nothing for what is not JSON */
function parsed(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Why would quote it, and it may be next to a secret.
    throw new UnreadableError(`${where} holds something that is not JSON`);
  }
}
