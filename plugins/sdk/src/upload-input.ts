import type { Msg } from '@nats-io/nats-core';
import { isBytes } from './bytes.ts';
import type { Connection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import type { Inbox } from './inbox.ts';
import { uploadHeadersOf } from './invocation-headers.ts';
import type { UploadHeaders } from './invocation-headers.ts';
import type { Invocation } from './invocation.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import { chunkMostBytes, creditPatienceMs, jsonUploadMostBytes } from './protocol/stream.ts';
import { subjects } from './protocol/subjects.ts';
import { joined } from './stream/body.ts';
import { ChunkReader } from './stream/chunk-reader.ts';
import { cancelText, creditText, readFlow } from './stream/flow.ts';

export interface UploadInputOptions extends UploadHeaders {
  connection: Connection;
  /** Where its chunks come. */
  flows: Inbox;
  /** More is refused. */
  mostBytes: number;
  /** Of the invocation. */
  signal: AbortSignal;
  /** Ends the invocation. */
  abort: (why: BkgError) => void;
  /** How long no chunk may come although there is credit. @default creditPatienceMs */
  patienceMs?: number | undefined;
}

export interface OpenUploadOptions extends Pick<UploadInputOptions, 'connection' | 'patienceMs'> {
  pluginId: string;
  invocation: Invocation;
  /** Undefined when the body names it, which is not read yet. */
  endpoint: Endpoint | undefined;
  flows: Inbox | undefined;
  /** Of what the handler reads as it comes. */
  mostBytes: number;
}

/**
 * However small chunks are, no more are under way: those that follow may be as large as can be, 16 MiB together.
 */
const windowMostChunks = 64;
/** Enough for a fast sender of large chunks. */
const windowMostBytes = 2 * 1024 * 1024;
/** For all that an instance takes at the same time: the broker holds no more than 64 MiB for one connection. */
const allMostBytes = 32 * 1024 * 1024;

/**
 * A payload that comes as chunks: none before it is read, and never more than the reader has room for. Whatever is wrong
 * with it ends the invocation.
 */
export class UploadInput {
  readonly #options: UploadInputOptions;
  readonly #reader: ChunkReader;
  /** Chunks that may come before any is read. */
  readonly #window: number;
  #bytes = 0;
  #subject: { reply: string; leave: () => void } | undefined;

  /** @throws BkgError PAYLOAD_TOO_LARGE when more is announced than is taken */
  constructor(options: UploadInputOptions) {
    const { sizeBytes, mostBytes, signal, connection, flow, patienceMs = creditPatienceMs } = options;
    if (sizeBytes !== undefined && sizeBytes > mostBytes) throw tooLarge(`${sizeBytes} bytes`, mostBytes);
    this.#options = options;
    this.#window = Math.floor(this.#windowBytes() / chunkMostBytes);
    this.#reader = new ChunkReader({
      window: this.#window,
      chunksMost: windowMostChunks,
      windowBytes: () => this.#windowBytes(),
      isStrict: true,
      fault: 'INVALID_PAYLOAD',
      grant: (credit) => this.#grant(credit),
      patienceMs,
      onSilence: () => this.#end(silence(patienceMs)),
      onEnd: (end) => {
        this.#subject?.leave();
        // The answer may come much later, and its sender would take the silence for a death.
        if (end === 'left') connection.send(flow, cancelText, { onLost: () => undefined });
      },
    });
    signal.addEventListener('abort', () => this.#reader.fail(signal.reason), { once: true });
  }

  /** As announced. */
  get sizeBytes(): number | undefined {
    return this.#options.sizeBytes;
  }

  /** Chunks are on their way: what the broker loses is missing. */
  get isUnderWay(): boolean {
    return this.#subject !== undefined && !this.#reader.hasEnded;
  }

  /** Slow reading makes its sender wait. @throws the reason of the signal */
  async *pieces(): AsyncGenerator<Uint8Array, void, void> {
    this.#begin();
    for await (const msg of this.#reader) yield msg.data;
    const { data } = await this.#reader.last;
    if (data.length > 0) yield data;
  }

  /** All of it. @throws the reason of the signal */
  collect(): Promise<Uint8Array> {
    return joined(this.pieces());
  }

  /** The invocation is answered: nobody takes the rest. */
  close(): void {
    this.#reader.fail(
      new BkgError('CANCELLED', 'The invocation was answered before all of its payload was read.'),
    );
  }

  #begin(): void {
    // Who reads for the first time after the answer would be listened to for ever.
    if (this.#reader.hasEnded) throw this.#reader.error;
    this.#subject = this.#options.flows.open((msg) => this.#take(msg));
    this.#grant(this.#window);
  }

  #windowBytes(): number {
    const share = allMostBytes / Math.max(1, this.#options.flows.size);
    return Math.max(chunkMostBytes, Math.min(windowMostBytes, share));
  }

  #grant(credit: number): void {
    const { connection, flow } = this.#options;
    connection.send(flow, creditText(credit), {
      // So that the server says at once when its sender is gone, and to tell it where the chunks go.
      reply: this.#subject?.reply,
      onLost: () => this.#end(uploadLost()),
    });
  }

  #take(msg: Msg): void {
    if (!msg.headers?.get(headerNames.seq)) {
      const sign = readFlow(msg);
      if (sign === 'gone') return this.#end(new BkgError('CANCELLED', 'The sender of the payload is gone.'));
      if (sign === 'cancel')
        return this.#end(new BkgError('CANCELLED', 'The sender of the payload sends no more of it.'));
    }
    const wrong = this.#problemOf(msg);
    if (wrong) return this.#end(wrong);
    this.#reader.take(msg);
    if (this.#reader.error instanceof BkgError) this.#end(this.#reader.error);
  }

  #problemOf({ data, headers }: Msg): BkgError | undefined {
    const { sizeBytes, mostBytes } = this.#options;
    this.#bytes += data.length;
    if (this.#bytes > mostBytes) return tooLarge(`At least ${this.#bytes} bytes`, mostBytes);
    if (data.length > chunkMostBytes) {
      return new BkgError(
        'INVALID_PAYLOAD',
        `A chunk of the payload has ${data.length} bytes; it takes at most ${chunkMostBytes}.`,
      );
    }
    const isLast = Boolean(headers?.get(headerNames.end));
    if (sizeBytes === undefined || (isLast ? this.#bytes === sizeBytes : this.#bytes <= sizeBytes))
      return undefined;
    return new BkgError(
      'INVALID_PAYLOAD',
      `${sizeBytes} bytes of payload were announced, ${isLast ? '' : 'at least '}${this.#bytes} have come.`,
    );
  }

  #end(why: BkgError): void {
    this.#options.abort(why);
  }
}

/**
 * The payload of an invocation that announces one in chunks; undefined when it is the body.
 * @throws BkgError INVALID_PAYLOAD for headers that cannot be, PAYLOAD_TOO_LARGE
 */
export function openUpload(options: OpenUploadOptions): UploadInput | undefined {
  const { pluginId, invocation, endpoint, connection, flows, mostBytes, patienceMs } = options;
  const announced = uploadHeadersOf(invocation.headers, invocation.body.length);
  if (!announced) return undefined;
  if (!endpoint) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `A payload in chunks goes to the subject that names the capability: ${subjects.invokeCapability(pluginId, '<capability>')}.`,
    );
  }
  const { id, capability } = endpoint;
  if (!capability.upload || !flows) {
    throw new BkgError(
      'PAYLOAD_TOO_LARGE',
      `${id} takes no payload in chunks: send it as one message, of which the broker takes up to ${connection.maxPayloadBytes} bytes.`,
    );
  }
  return new UploadInput({
    ...announced,
    connection,
    flows,
    // JSON is in memory as a whole before it can be checked.
    mostBytes: isBytes(capability.input) ? mostBytes : Math.min(mostBytes, jsonUploadMostBytes),
    signal: invocation.signal,
    abort: (why) => invocation.abort(why),
    patienceMs,
  });
}

/** What was under way has not arrived. */
export function uploadLost(): BkgError {
  return new BkgError(
    'PLUGIN_CRASHED',
    'The connection to the broker was lost in the middle of the payload.',
  );
}

function silence(patienceMs: number): BkgError {
  return new BkgError(
    'CANCELLED',
    `The sender of the payload has sent nothing for ${patienceMs} ms, although it may.`,
  );
}

function tooLarge(given: string, mostBytes: number): BkgError {
  return new BkgError(
    'PAYLOAD_TOO_LARGE',
    `${given} of payload were given, ${mostBytes} are taken: send less, or raise limits.max_upload_mb of the plugin, which for JSON counts up to 8 MiB.`,
  );
}
