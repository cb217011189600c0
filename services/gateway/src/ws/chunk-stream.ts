import { windowMost } from '@bkg/sdk';
import { chunkFrame } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';

export interface ChunkStreamParts {
  /** The client's. */
  id: string;
  invocationId: string;
  /** Chunks that the client takes before it gives more credit. */
  window: number;
  /** It has a chunk, and credit for it. */
  onReady: (stream: ChunkStream) => void;
}

interface Held {
  chunk: Uint8Array;
  /** Whether it was sent. */
  taken: PromiseWithResolvers<boolean>;
}

/**
 * The chunks of one invocation on their way to one client: one at a time, which waits until the client has given credit and
 * its socket takes it. Whoever writes them waits as long.
 */
export class ChunkStream {
  readonly #parts: ChunkStreamParts;
  #credit: number;
  #seq = 0;
  #held: Held | undefined;
  #hasEnded = false;
  #isHurried = false;

  constructor(parts: ChunkStreamParts) {
    this.#parts = parts;
    this.#credit = parts.window;
  }

  /** What the client says. More than it may have open counts as that. */
  give(credit: number): void {
    this.#credit = Math.min(windowMost, this.#credit + credit);
    if (this.#held) this.#offer();
  }

  /** One at a time. @returns when the socket has taken it; false when it, and all that follows, is not sent */
  async write(chunk: Uint8Array): Promise<boolean> {
    if (this.#hasEnded) return false;
    const taken = Promise.withResolvers<boolean>();
    this.#held = { chunk, taken };
    this.#offer();
    return taken.promise;
  }

  /** The chunk that may be sent now, which is then on its way. */
  next(): OutFrame | undefined {
    if (!this.#held || this.#credit === 0) return undefined;
    const { chunk, taken } = this.#held;
    const { id, invocationId } = this.#parts;
    const frame = chunkFrame(id, invocationId, this.#seq, chunk);
    this.#held = undefined;
    this.#credit -= 1;
    this.#seq += 1;
    taken.resolve(true);
    return frame;
  }

  /** From now on a chunk without credit ends it. */
  hurry(): void {
    this.#isHurried = true;
    if (this.#held) this.#offer();
  }

  /** Nothing more is sent. */
  end(): void {
    this.#hasEnded = true;
    this.#held?.taken.resolve(false);
    this.#held = undefined;
  }

  #offer(): void {
    if (this.#credit > 0) this.#parts.onReady(this);
    else if (this.#isHurried) this.end();
  }
}
