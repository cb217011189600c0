import {
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { KV, KvWatchEntry } from '@nats-io/kv';
import { headers } from '@nats-io/nats-core';
import type { MsgHdrs } from '@nats-io/nats-core';
import { BkgError, buckets } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';

const timeoutMs = 3_000;
const subjectRoot = `$KV.${buckets.keys}.`;
const stream = `KV_${buckets.keys}`;

/** Somebody else has written meanwhile. */
export class WrongRevisionError extends Error {
  override name = 'WrongRevisionError';
}

/** What must be true of the bucket for a write to happen. */
export interface Expected {
  /** The last revision of this key; 0 for one that must not be there. */
  revision?: number;
  /** The last revision of the whole bucket. */
  bucketRevision?: number;
}

/** The JetStream KV bucket of the keys. Its revisions count over all keys: each write has one that no other had. */
export class Bucket {
  readonly #connection: Connection;
  readonly #kv: KV;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;

  private constructor(connection: Connection, kv: KV, manager: JetStreamManager) {
    this.#connection = connection;
    this.#kv = kv;
    this.#client = jetstream(connection.nats, { timeout: timeoutMs });
    this.#manager = manager;
  }

  /** Makes it when it is not there. */
  static async open(connection: Connection): Promise<Bucket> {
    assertConnected(connection);
    const manager = await jetstreamManager(connection.nats, { timeout: timeoutMs });
    const kv = await new Kvm(jetstream(connection.nats, { timeout: timeoutMs })).create(buckets.keys, {
      description: 'API keys as hashes, roles, sessions and tickets, of the plugin apikeys',
      history: 1,
      timeout: timeoutMs,
      allow_direct: false,
    });
    return new Bucket(connection, kv, manager);
  }

  /** Everything that is there, in the order of its revisions, and then every change. End it with `stop`. */
  watch(): Promise<AsyncIterable<KvWatchEntry> & { stop: () => void }> {
    return this.#kv.watch();
  }

  /**
   * @returns the new revision
   * @throws WrongRevisionError when `expected` is not true; BkgError PLUGIN_UNAVAILABLE, or DEADLINE_EXCEEDED when it may
   *   have been written
   */
  write(key: string, value: unknown, expected: Expected): Promise<number> {
    return this.#publish(key, JSON.stringify(value), expected);
  }

  /** @returns the revision of the removal. @throws what `write` throws */
  remove(key: string, expected: Expected): Promise<number> {
    // As the library's purge, which cannot be told what must be true of the whole bucket.
    const marks = headers();
    marks.set('KV-Operation', 'PURGE');
    marks.set('Nats-Rollup', 'sub');
    return this.#publish(key, '', expected, marks);
  }

  /** The last revision, of whatever key, that was written before the answer. */
  async lastRevision(): Promise<number> {
    const { state } = await this.#do(() => this.#manager.streams.info(stream));
    return state.last_seq;
  }

  /** Forgets that a key was removed, but not what was written to it later. @param revision of the removal */
  async forgetRemoval(key: string, revision: number): Promise<void> {
    await this.#do(() =>
      this.#manager.streams.purge(stream, { filter: `${subjectRoot}${key}`, seq: revision + 1 }),
    );
  }

  async #publish(
    key: string,
    text: string,
    { revision, bucketRevision }: Expected,
    marks?: MsgHdrs,
  ): Promise<number> {
    const ack = await this.#do(() =>
      this.#client.publish(`${subjectRoot}${key}`, text, {
        ...(marks && { headers: marks }),
        expect: {
          ...(revision !== undefined && { lastSubjectSequence: revision }),
          ...(bucketRevision !== undefined && { lastSequence: bucketRevision }),
        },
      }),
    );
    return ack.seq;
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    assertConnected(this.#connection);
    try {
      return await work();
    } catch (cause) {
      if (isWrongRevision(cause)) throw new WrongRevisionError('somebody else has written', { cause });
      if (isRefused(cause))
        throw new BkgError('PLUGIN_UNAVAILABLE', `The broker refuses to store keys: ${cause.message}.`, { cause });
      throw new BkgError(
        'DEADLINE_EXCEEDED',
        'The broker did not say in time that it has stored it; look whether it has, and repeat if not.',
        { cause },
      );
    }
  }
}

/** JetStream's own requests would wait out their time. */
function assertConnected(connection: Connection): void {
  if (!connection.connected)
    throw new BkgError('PLUGIN_UNAVAILABLE', 'The broker is away; it is being tried again.');
}

/** Nothing was written: JetStream says so, or there is none. */
function isRefused(error: unknown): error is Error {
  return (
    error instanceof JetStreamApiError || (error instanceof Error && error.name === 'JetStreamNotEnabled')
  );
}

function isWrongRevision(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
