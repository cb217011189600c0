import type { InvocationStream, StreamOptions } from './client.ts';
import { newInvocationId } from './invocation-id.ts';

/** A stream whose first message is here: from now on it is not tried again. */
export interface OpenedStream<Chunk, Output> {
  /** For one reader; leaving it does not have to cancel. Throws what `output` rejects with. */
  chunks: AsyncIterable<Chunk>;
  /** Settles also when nobody reads. */
  output: Promise<Output>;
}

/** What a stream needs to begin. */
export interface Opening {
  /** Aborts when nobody wants it any more, until `output` is settled. */
  signal: AbortSignal;
  /** Of the first try. */
  invocationId: string;
  /** To be told before each try. */
  onAttempt: (invocationId: string) => void;
}

/** The reader's side of a stream, whichever way it comes. */
export class ClientStream<Chunk, Output> implements InvocationStream<Chunk, Output> {
  readonly #opened: Promise<OpenedStream<Chunk, Output>>;
  readonly #output: Promise<Output>;
  readonly #controller = new AbortController();
  #invocationId: string;
  #reader: 'none' | 'loop' | 'nobody' = 'none';
  #isOutputAsked = false;

  /** @param open sends it, again where that is allowed, and gives what comes when its first message is here */
  constructor(
    { signal, invocationId = newInvocationId() }: Pick<StreamOptions, 'signal' | 'invocationId'>,
    open: (opening: Opening) => Promise<OpenedStream<Chunk, Output>>,
  ) {
    this.#invocationId = invocationId;
    const abort = (): void => this.#controller.abort(signal?.reason);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    this.#opened = open({
      signal: this.#controller.signal,
      invocationId,
      onAttempt: (id) => void (this.#invocationId = id),
    });
    this.#output = this.#opened.then(({ output }) => output);
    const close = (): void => signal?.removeEventListener('abort', abort);
    // Who reads sees the failure there.
    this.#output.then(close, close);
  }

  get invocationId(): string {
    return this.#invocationId;
  }

  get output(): Promise<Output> {
    if (!this.#isOutputAsked) {
      this.#isOutputAsked = true;
      setTimeout(() => this.#reader === 'none' && void this.#discard());
    }
    return this.#output;
  }

  cancel(): void {
    this.#controller.abort();
  }

  /** @throws Error when somebody reads it already, or its chunks are thrown away */
  [Symbol.asyncIterator](): AsyncIterableIterator<Chunk, undefined> {
    if (this.#reader === 'nobody') {
      throw new Error(
        'The chunks of this stream are gone: its output was asked for before. Begin to iterate first, or in the same turn.',
      );
    }
    if (this.#reader === 'loop') throw new Error('This stream is read already; its chunks come once.');
    this.#reader = 'loop';
    const chunks = this.#chunks();
    return {
      next: () => chunks.next(),
      // A generator that has not begun, or waits, would not hear of it.
      return: () => {
        this.cancel();
        return chunks.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async *#chunks(): AsyncGenerator<Chunk, undefined, undefined> {
    const { chunks } = await this.#opened;
    for await (const chunk of chunks) {
      // Of what has come before it was cancelled nothing more is wanted.
      if (this.#controller.signal.aborted) break;
      yield chunk;
    }
    // When it has failed, this throws.
    await this.#output;
  }

  async #discard(): Promise<void> {
    this.#reader = 'nobody';
    try {
      for await (const _ of this.#chunks());
    } catch {
      // `output`, which was asked for, rejects with it.
    }
  }
}
