import type { Msg } from '@nats-io/nats-core';
import { BkgError } from '../protocol/errors.ts';
import { headerNames } from '../protocol/headers.ts';
import { isFlowOf } from '../protocol/subjects.ts';
import { ChunkReader } from './chunk-reader.ts';
import type { Chunk, StreamEnd } from './chunk-reader.ts';
import { cancelText, creditText } from './flow.ts';

export interface ReplyStreamOptions {
  /** Who answers. */
  plugin: string;
  window: number;
  chunksMost?: number;
  windowBytes?: number | (() => number);
  /** As a `ChunkReader` has it. */
  onWaiting?: (changeBytes: number) => void;
  /** Publishes to the instance. */
  tell: (subject: string, text: string) => void;
  onEnd: (end: StreamEnd) => void;
}

/**
 * The answer to one request, which may come as chunks: iterating gives these, `last` is the reply that ends it. One that
 * comes as a single reply has no chunks.
 */
export class ReplyStream implements AsyncIterable<Chunk> {
  readonly #plugin: string;
  readonly #reader: ChunkReader;
  readonly #first = Promise.withResolvers<Msg>();
  #flow: string | undefined;

  constructor({ plugin, tell, onEnd, ...options }: ReplyStreamOptions) {
    this.#plugin = plugin;
    this.#first.promise.catch(() => undefined);
    this.#reader = new ChunkReader({
      ...options,
      // A plugin without the SDK may send without asking.
      grant: (credit) => this.#flow !== undefined && tell(this.#flow, creditText(credit)),
      onEnd: (end) => {
        if (end !== 'complete' && this.#flow !== undefined) tell(this.#flow, cancelText);
        onEnd(end);
      },
    });
  }

  /**
   * The first message, a chunk or the last: by its headers one knows what kind of answer it is. It is read as any other, and
   * a chunk has its bytes only there. @throws what ends it before
   */
  get first(): Promise<Msg> {
    return this.#first.promise;
  }

  /** The reply that ends it, which may be a failure: look with `problemOfMsg`. @throws what ends it before */
  get last(): Promise<Msg> {
    return this.#reader.last;
  }

  /** Whether a chunk has come: then the request cannot be sent again. */
  get hasBegun(): boolean {
    return this.#reader.count > 0;
  }

  take(msg: Msg): void {
    const isChunk = msg.headers?.get(headerNames.seq) && !msg.headers.get(headerNames.end);
    this.#first.resolve(isChunk ? withoutBytes(msg) : msg);
    if (!msg.headers?.get(headerNames.seq)) {
      const isWhole = !this.hasBegun || msg.headers?.get(headerNames.errorCode);
      if (isWhole) return this.#reader.finish(msg);
      return this.fail(
        new BkgError('INTERNAL', 'In the middle of the stream came a reply that is no chunk.'),
      );
    }
    if (msg.reply && isFlowOf(this.#plugin, msg.reply)) this.#flow = msg.reply;
    this.#reader.take(msg);
  }

  fail(error: unknown): void {
    this.#first.reject(error);
    this.#reader.fail(error);
  }

  /** Nobody reads it any more. */
  leave(): void {
    this.#first.reject(new BkgError('CANCELLED', 'Nobody waits for the answer any more.'));
    this.#reader.leave();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Chunk, void, void> {
    return this.#reader[Symbol.asyncIterator]();
  }
}

/** Whoever waits for the first message keeps it for as long as the stream lives. */
function withoutBytes({ subject, sid, headers }: Msg): Msg {
  const head = { subject, sid, data: new Uint8Array(0), ...(headers && { headers }) };
  return { ...head, respond: () => false, string: () => '', json: () => JSON.parse('') as never };
}
