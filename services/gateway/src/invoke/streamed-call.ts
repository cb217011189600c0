import type { Msg } from '@nats-io/nats-core';
import { BkgError } from '@bkg/sdk';
import type { Chunk, ReplyStream } from '@bkg/sdk';

export interface StreamedCallParts {
  /** The answer, when its first message is here. Fails with what the caller is told. */
  opened: Promise<ReplyStream>;
  /** An error in the middle, in the words for the caller. */
  explain: (error: unknown) => unknown;
  /** By `performance.now()`; undefined when it was never sent. */
  deadlineAt: () => number | undefined;
  /** Nobody waits for it any more: it is not sent again, and who has it is told to give it up. */
  giveUp: (why: BkgError) => void;
  /** Nothing of it waits here any more. May be told more than once. */
  release: () => void;
}

/**
 * The answer to one invocation, which may come as chunks: iterating gives these, `last` is the reply that ends it. Whoever
 * has one iterates to its end, or leaves it. All its errors are those that `Invocations.run` throws.
 */
export class StreamedCall implements AsyncIterable<Chunk> {
  /** The first message, a chunk or the last: by it one knows what kind of answer it is. It is read as any other. */
  readonly first: Promise<Msg>;
  /** The reply that ends it, which may be a failure: look with `problemOfMsg`. Fails when there is none. */
  readonly last: Promise<Msg>;
  readonly #parts: StreamedCallParts;
  #stream: ReplyStream | undefined;

  constructor(parts: StreamedCallParts) {
    const { opened, release } = parts;
    this.#parts = parts;
    this.first = opened.then((stream) => stream.first);
    this.last = this.#last();
    // Whoever iterates hears of it there.
    this.first.catch(release);
    this.last.catch(() => undefined);
    void opened.then(
      (stream) => {
        this.#stream = stream;
        // Without chunks nothing waits to be read.
        stream.last.then(
          () => !stream.hasBegun && release(),
          () => undefined,
        );
      },
      () => undefined,
    );
  }

  /** Of its time. */
  get leftMs(): number {
    return Math.max(0, (this.#parts.deadlineAt() ?? 0) - performance.now());
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void, void> {
    const { opened, explain, release } = this.#parts;
    const stream = await opened;
    try {
      yield* stream;
    } catch (error) {
      throw explain(error);
    } finally {
      release();
    }
  }

  /** Nobody reads it any more. */
  leave(): void {
    const { giveUp, release } = this.#parts;
    giveUp(new BkgError('CANCELLED', 'Nobody reads the stream any more.'));
    this.#stream?.leave();
    release();
  }

  async #last(): Promise<Msg> {
    const { opened, explain } = this.#parts;
    const stream = await opened;
    try {
      return await stream.last;
    } catch (error) {
      throw explain(error);
    }
  }
}
