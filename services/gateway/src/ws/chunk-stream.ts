import { BkgError, creditPatienceMs, windowMost } from '@bkg/sdk';
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
  /** The client gave no sign for too long while it had no credit. To be answered with `fail`, soon. */
  onSilence: (why: BkgError) => void;
  /** For how long the client could be heard: the silence of one from which nothing is read says nothing. */
  heardForMs: () => number;
  /** @default creditPatienceMs */
  patienceMs?: number;
}

interface Held {
  chunk: Uint8Array;
  taken: PromiseWithResolvers<void>;
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
  #failure: { error: unknown } | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(parts: ChunkStreamParts) {
    this.#parts = parts;
    this.#credit = parts.window;
  }

  /** What the client says; 0 is a sign of life. More than it may have open counts as that. */
  give(credit: number): void {
    this.#credit = Math.min(windowMost, this.#credit + credit);
    if (this.#held) this.#offer();
  }

  /** Settles when the socket has taken it. One at a time. @throws what it has failed with */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    const taken = Promise.withResolvers<void>();
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
    taken.resolve();
    return frame;
  }

  /** Nothing more is sent. Only the first counts. */
  fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    clearTimeout(this.#silence);
    this.#held?.taken.reject(error);
    this.#held = undefined;
  }

  #offer(): void {
    clearTimeout(this.#silence);
    if (this.#credit > 0) this.#parts.onReady(this);
    else this.#listen();
  }

  #listen(): void {
    const { patienceMs = creditPatienceMs, heardForMs, onSilence } = this.#parts;
    const wait = (ms: number): void => {
      this.#silence = setTimeout(() => {
        const leftMs = patienceMs - heardForMs();
        if (leftMs > 0) return wait(leftMs);
        const detail = `The client has taken no chunk, and given no sign, for ${patienceMs} ms.`;
        onSilence(new BkgError('CANCELLED', detail));
      }, ms);
    };
    wait(patienceMs);
  }
}
