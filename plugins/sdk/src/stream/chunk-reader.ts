import type { Msg } from '@nats-io/nats-core';
import { Fifo } from '../client/fifo.ts';
import { BkgError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { headerNames } from '../protocol/headers.ts';
import { creditSignMs, readChunkPlace, windowMost } from '../protocol/stream.ts';

export interface ChunkReaderOptions {
  /** Chunks that its sender may send before the first credit. */
  window: number;
  /** More are never under way and wait here, however small they are. @default windowMost */
  chunksMost?: number;
  /** About so much may be under way or wait here, as far as the size of the chunks tells. @default windowBytesDefault */
  windowBytes?: number | (() => number);
  /** Tells the sender that it may send so many more; 0 is a sign of life. */
  grant: (credit: number) => void;
  /**
   * So many bytes more have come and are not read, or fewer; the chunk that is being read counts. For who bounds what waits of many
   * streams together.
   */
  onWaiting?: (changeBytes: number) => void;
  /** It needs no more messages: the last one is here, or it has failed, or nobody reads it any more. */
  onEnd?: (end: StreamEnd) => void;
  /** @default creditSignMs */
  signMs?: number;
  /** More than was granted ends it; else a sender that asks for none may send up to 1024 at once. @default false */
  isStrict?: boolean;
  /** What a chunk that cannot be ends it with. @default INTERNAL */
  fault?: ErrorCode;
  /** How long its reader may wait for a chunk, each time. @default as long as it takes */
  patienceMs?: number;
  /** It has waited that long. To be answered with `fail`. */
  onSilence?: () => void;
}

/** `complete`: the last frame has come. `failed`: it never will. `left`: its reader wants no more. */
export type StreamEnd = 'complete' | 'failed' | 'left';

/** Enough that a fast reader of 16 KiB chunks never waits, and little enough for hundreds of streams. */
export const windowBytesDefault = 512 * 1024;

/** What a message that waits takes beside its data, about: of many small ones that is the most. */
const messageOverheadBytes = 1_024;

/**
 * More never waits. Credit counts chunks, so that of who has credit for many small ones many large ones may come, and of who needs none
 * any number.
 */
const waitingMostBytes = 64 * 1024 * 1024;

/** What is kept of the message that brought it. */
export type Chunk = Pick<Msg, 'data' | 'headers'>;

/**
 * The receiving end of a stream, for one reader: chunks in their order, and credit for as many as were read. A chunk that
 * is missing, doubled or cannot be ends it.
 *
 * The window follows the size of the chunks: as many as `windowBytes` holds with what a message takes besides, from 1 to `chunksMost`.
 */
export class ChunkReader implements AsyncIterable<Chunk> {
  readonly #options: ChunkReaderOptions;
  readonly #last = Promise.withResolvers<Msg>();
  readonly #waiting = new Fifo<Chunk>();
  #waitingBytes = 0;
  #expected = 0;
  /** Chunks that were granted, less those that were read. */
  #open: number;
  #chunkBytes = 1;
  #end: StreamEnd | undefined;
  #error: unknown;
  #wake: PromiseWithResolvers<void> | undefined;
  #sign: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
    this.#open = options.window;
    // Who reads to the end sees it there.
    this.#last.promise.catch(() => undefined);
  }

  /** The last frame: the output, or a failure. @throws what iterating throws; CANCELLED when nobody reads on */
  get last(): Promise<Msg> {
    return this.#last.promise;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Why it has failed; undefined as long as it has not. */
  get error(): unknown {
    return this.#error;
  }

  /** How many chunks have come. */
  get count(): number {
    return this.#expected;
  }

  /** Takes one message of its stream. */
  take(msg: Msg): void {
    if (this.#end) return;
    const place = readChunkPlace(msg.headers?.get(headerNames.seq), msg.headers?.get(headerNames.end));
    if (!place) return this.#fault('A message of the stream has no number, or none that can be.');
    if (place.seq !== this.#expected) return this.#fault(outOfOrder(place.seq, this.#expected));
    this.#expected += 1;
    if (place.end !== undefined) return this.#complete(msg);
    const most = this.#options.isStrict ? this.#open : windowMost;
    if (this.#waiting.size >= most)
      return this.#fault('Its sender sends more chunks than it has credit for.');
    this.#chunkBytes = Math.max(bytesOf(msg), this.#chunkBytes * 0.9);
    this.#waiting.push(kept(msg));
    this.#count(bytesOf(msg));
    this.#awake();
    if (this.#waitingBytes > waitingMostBytes) this.fail(tooMuch());
  }

  /** Ends it: who reads gets what has come, and then this. */
  fail(error: unknown): void {
    if (this.#end) return;
    this.#error = error;
    this.#finish('failed');
    this.#last.reject(error);
  }

  /** A stream that had no chunks and ends with this reply. */
  finish(msg: Msg): void {
    if (!this.#end) this.#complete(msg);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void, void> {
    try {
      for (;;) {
        const chunk = this.#waiting.shift();
        if (chunk) {
          yield chunk;
          this.#count(-bytesOf(chunk));
          this.#read();
          continue;
        }
        if (this.#end === 'failed') throw this.#error;
        if (this.#end) return;
        await this.#arrival();
      }
    } finally {
      this.leave();
    }
  }

  /** Nobody reads it any more. */
  leave(): void {
    this.#waiting.clear();
    this.#count(-this.#waitingBytes);
    if (this.#end) return;
    this.#finish('left');
    this.#last.reject(new BkgError('CANCELLED', 'Nobody reads the stream any more.'));
  }

  #count(changeBytes: number): void {
    // What is read after its reader has left was counted there.
    const change = Math.max(changeBytes, -this.#waitingBytes);
    this.#waitingBytes += change;
    if (change !== 0) this.#options.onWaiting?.(change);
  }

  /** One chunk was read. */
  #read(): void {
    if (this.#end) return;
    this.#open -= 1;
    const window = this.#window();
    const credit = window - this.#open;
    if (credit < Math.max(1, Math.floor(window / 2))) return;
    this.#open += credit;
    this.#options.grant(credit);
    this.#signLater();
  }

  #window(): number {
    const { windowBytes = windowBytesDefault, chunksMost = windowMost } = this.#options;
    const bytes = typeof windowBytes === 'number' ? windowBytes : windowBytes();
    return Math.max(1, Math.min(chunksMost, Math.floor(bytes / this.#chunkBytes)));
  }

  /** A slow reader gives no credit for long, and must not be taken for a dead one. */
  #signLater(): void {
    const { signMs = creditSignMs, grant } = this.#options;
    clearTimeout(this.#sign);
    // To grant may have shown that nobody is there.
    if (this.#end) return;
    this.#sign = setTimeout(() => {
      grant(0);
      this.#signLater();
    }, signMs).unref();
  }

  async #arrival(): Promise<void> {
    const { patienceMs, onSilence } = this.#options;
    this.#wake ??= Promise.withResolvers();
    if (patienceMs !== undefined) this.#silence = setTimeout(() => onSilence?.(), patienceMs);
    await this.#wake.promise;
  }

  #awake(): void {
    if (!this.#sign) this.#signLater();
    clearTimeout(this.#silence);
    this.#wake?.resolve();
    this.#wake = undefined;
  }

  #fault(detail: string): void {
    this.fail(new BkgError(this.#options.fault ?? 'INTERNAL', detail));
  }

  #complete(msg: Msg): void {
    this.#finish('complete');
    this.#last.resolve(msg);
  }

  #finish(end: StreamEnd): void {
    this.#end = end;
    this.#awake();
    clearTimeout(this.#sign);
    this.#options.onEnd?.(end);
  }
}

/** Of a small chunk the message takes most of the memory, and a thousand streams may each have more than fifty that wait. */
function kept({ data, headers }: Msg): Chunk {
  return headers?.has(headerNames.contentType) ? { data, headers } : { data };
}

function bytesOf({ data }: Chunk): number {
  return data.length + messageOverheadBytes;
}

function tooMuch(): BkgError {
  return new BkgError(
    'CANCELLED',
    `More than ${waitingMostBytes} bytes of chunks wait to be read: send smaller ones, or read them sooner.`,
  );
}

function outOfOrder(seq: number, expected: number): string {
  return seq > expected
    ? `Chunk ${expected} is missing: ${seq} has come in its place.`
    : `Chunk ${seq} has come twice; ${expected} was due.`;
}
