import { Fifo } from '../fifo.ts';
import type { ChunkFrame } from '../../protocol/socket.ts';
import { windowDefault, windowMost } from '../../protocol/stream.ts';
import { failure } from '../failure.ts';

export interface ChunkInboxOptions<Chunk> {
  /** Chunks that may be under way or wait here; undefined follows their size. */
  window: number | undefined;
  /** What its reader gets of a frame. */
  read: (frame: ChunkFrame, text: string) => Chunk;
  /** Tells the gateway that so many more are welcome. */
  grant: (credit: number) => void;
}

/** About so many characters are under way where nobody has set a window. */
const windowCharacters = 512 * 1024;

/** The chunks of one invocation that have come and are not read yet, for one reader. */
export class ChunkInbox<Chunk> implements AsyncIterable<Chunk> {
  /** For the first try. */
  readonly window: number;
  readonly #options: ChunkInboxOptions<Chunk>;
  readonly #begun = Promise.withResolvers<void>();
  readonly #waiting = new Fifo<Chunk>();
  #expected = 0;
  /** Chunks that may still come. */
  #credit: number;
  #chunkCharacters = 1;
  #end: { error?: unknown } | undefined;
  #wake: PromiseWithResolvers<void> | undefined;

  constructor(options: ChunkInboxOptions<Chunk>) {
    this.#options = options;
    this.window = options.window ?? windowDefault;
    this.#credit = this.window;
  }

  /** When the first chunk is here. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** @throws InvocationError for one that cannot be, which ends it */
  take(frame: ChunkFrame, text: string): void {
    if (this.#end) return;
    const { seq } = frame;
    if (seq !== this.#expected) {
      throw failure('INTERNAL', `Chunk ${seq} of the stream has come where ${this.#expected} was due.`);
    }
    if (this.#credit === 0) throw failure('INTERNAL', 'More chunks have come than there was credit for.');
    this.#credit -= 1;
    this.#expected += 1;
    this.#chunkCharacters = Math.max(text.length, this.#chunkCharacters * 0.9);
    this.#waiting.push(this.#options.read(frame, text));
    if (seq === 0) this.#begun.resolve();
    this.#awake();
  }

  /** No more chunks come. @param failed with an error: who reads gets what has come, and then this */
  end(failed: { error?: unknown } = {}): void {
    if (this.#end) return;
    this.#end = failed;
    this.#awake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void, void> {
    for (;;) {
      if (this.#waiting.size > 0) {
        yield this.#waiting.shift() as Chunk;
        this.#giveCredit();
      } else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      } else {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
    }
  }

  /** One more was read. */
  #giveCredit(): void {
    if (this.#end) return;
    const window = this.#options.window ?? this.#fittingWindow();
    const credit = window - this.#credit - this.#waiting.size;
    if (credit < Math.max(1, Math.floor(window / 2))) return;
    this.#credit += credit;
    this.#options.grant(credit);
  }

  #fittingWindow(): number {
    return Math.max(1, Math.min(windowMost, Math.floor(windowCharacters / this.#chunkCharacters)));
  }

  #awake(): void {
    this.#wake?.resolve();
    this.#wake = undefined;
  }
}
