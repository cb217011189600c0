import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../connection.ts';
import { messageBytes } from '../outgoing.ts';
import type { HeaderValues } from '../outgoing.ts';
import { BkgError } from '../protocol/errors.ts';
import { headerNames } from '../protocol/headers.ts';
import { chunkMostBytes } from '../protocol/stream.ts';
import { isFlowOf } from '../protocol/subjects.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { readFlow } from './flow.ts';
import { StreamCutError } from './stream-cut.ts';

/** A body that is sent as chunks. */
export interface UploadSource {
  body: AsyncIterable<Uint8Array>;
  /** Undefined: nobody knows yet. */
  sizeBytes: number | undefined;
  /** Frees what the body holds, when nobody has asked for it. */
  discard?: () => void;
}

/** What an upload needs of a connection. */
export type UploadConnection = Pick<Connection, 'openInbox' | 'send' | 'onStatus' | 'maxPayloadBytes'>;

/**
 * The body of one request on its way to the instance that asks for it: it gives credit, on a subject of ours, and says
 * where the chunks go.
 */
export class Upload {
  /** For the request. */
  readonly headers: HeaderValues;
  readonly #plugin: string;
  readonly #connection: UploadConnection;
  readonly #source: UploadSource;
  readonly #onFailure: (error: Error) => void;
  readonly #ending = new AbortController();
  readonly #inbox: { reply: string; leave: () => void };
  readonly #unwatch: () => void;
  #flow: string | undefined;
  #writer: ChunkWriter | undefined;

  /**
   * @param plugin whose instance it goes to
   * @param onFailure the source has failed, or the instance is gone: the invocation has no use any more
   */
  constructor(
    plugin: string,
    connection: UploadConnection,
    source: UploadSource,
    onFailure: (error: Error) => void,
  ) {
    this.#plugin = plugin;
    this.#connection = connection;
    this.#source = source;
    this.#onFailure = onFailure;
    this.#inbox = connection.openInbox((msg) => this.#take(msg));
    // Chunks or credit may have been under way: nobody can say what is missing.
    this.#unwatch = connection.onStatus((connected) => !connected && this.#fail(cut()));
    this.headers = {
      [headerNames.upload]: source.sizeBytes === undefined ? '-' : String(source.sizeBytes),
      [headerNames.flow]: this.#inbox.reply,
    };
  }

  /** Whether an instance has begun to take it: it cannot be sent again. */
  get hasBegun(): boolean {
    return this.#writer !== undefined;
  }

  /** The invocation has ended: nobody wants the rest. */
  close(): void {
    this.#unwatch();
    this.#inbox.leave();
    if (!this.#writer) this.#source.discard?.();
    this.#ending.abort(
      new BkgError('CANCELLED', 'The invocation has ended before all of its payload was sent.'),
    );
  }

  #take(msg: Msg): void {
    const sign = readFlow(msg);
    if (sign === undefined || this.#ending.signal.aborted) return;
    if (sign === 'gone')
      return this.#fail(new BkgError('PLUGIN_CRASHED', 'The instance is gone that was taking the payload.'));
    if (sign === 'cancel')
      return this.#ending.abort(new BkgError('CANCELLED', 'The instance wants no more of the payload.'));
    if (this.#writer) return this.#writer.give(sign.credit);
    // Chunks would go wherever it says.
    if (!msg.reply || !isFlowOf(this.#plugin, msg.reply)) return;
    this.#flow = msg.reply;
    const { signal } = this.#ending;
    this.#writer = new ChunkWriter({
      window: sign.credit,
      signal,
      send: (data, headers, isLast) => this.#send(data, headers, isLast),
      onSilence: (why) => this.#fail(why),
    });
    void this.#pump(this.#writer, signal);
  }

  async #pump(writer: ChunkWriter, signal: AbortSignal): Promise<void> {
    let pieces: AsyncIterator<Uint8Array> | undefined;
    // A source that has nothing for long would otherwise not hear that nobody wants it any more.
    const giveUp = (): void =>
      void new Promise((resolve) => resolve(pieces?.return?.())).catch(() => undefined);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      // One that was read before throws here.
      pieces = this.#source.body[Symbol.asyncIterator]();
      for (;;) {
        const next = await pieces.next();
        if (signal.aborted) return;
        if (next.done) break;
        const { value } = next;
        assertBytes(value);
        const mostBytes = messageBytes(chunkMostBytes, this.#connection);
        for (let at = 0; at < value.length; at += mostBytes)
          await writer.write(value.subarray(at, at + mostBytes));
      }
      writer.end(new Uint8Array(0));
    } catch (error) {
      if (!signal.aborted) this.#fail(error as Error);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #send(data: Uint8Array | string, headers: HeaderValues, isLast: boolean): void {
    this.#connection.send(this.#flow ?? '', data, {
      headers,
      // So that the server says at once when the instance is gone.
      ...(!isLast && { reply: this.#inbox.reply }),
      onLost: () => this.#fail(cut()),
    });
  }

  #fail(error: Error): void {
    if (this.#ending.signal.aborted) return;
    this.close();
    this.#onFailure(error);
  }
}

function cut(): StreamCutError {
  return new StreamCutError(
    'The connection to the broker was lost while the payload was being sent: what was sent may not have come.',
  );
}

/** @throws TypeError */
function assertBytes(piece: unknown): void {
  if (piece instanceof Uint8Array) return;
  throw new TypeError(`A piece of the payload is ${typeof piece}; give pieces of bytes, each a Uint8Array.`);
}
