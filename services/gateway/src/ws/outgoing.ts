import { ByteQueue } from './byte-queue.ts';
import type { ChunkStream } from './chunk-stream.ts';
import { LogQueue } from './log-queue.ts';
import { frameBytes } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';
import type { StateSubscription } from './state-subscription.ts';

/**
 * What one client has to get: first results and other answers, of which none is dropped; then states, of which nothing
 * but the latest is known; then chunks and log lines, as many of these as may wait.
 */
export class Outgoing {
  readonly logs: LogQueue;
  readonly #answers = new ByteQueue<OutFrame>({ bytesOf: frameBytes });
  /** Those that may have something to say. */
  readonly #states = new Set<StateSubscription>();
  /** Those that have a chunk, and credit for it. Each is at the end again with its next one. */
  readonly #streams = new Set<ChunkStream>();
  /** Bytes of chunks that have gone before log lines which were waiting meanwhile. */
  #leadBytes = 0;

  constructor(linesMostBytes: number) {
    this.logs = new LogQueue(linesMostBytes);
  }

  /** Of the answers that wait. */
  get answerBytes(): number {
    return this.#answers.bytes;
  }

  answer(frame: OutFrame): void {
    this.#answers.push(frame);
  }

  state(subscription: StateSubscription): void {
    this.#states.add(subscription);
  }

  forgetState(subscription: StateSubscription): void {
    this.#states.delete(subscription);
  }

  chunk(stream: ChunkStream): void {
    this.#streams.add(stream);
  }

  next(): OutFrame | undefined {
    return this.nextAnswer() ?? this.#nextState() ?? this.#nextShared();
  }

  nextAnswer(): OutFrame | undefined {
    return this.#answers.shift();
  }

  nextChunk(): OutFrame | undefined {
    for (const stream of this.#streams) {
      this.#streams.delete(stream);
      const frame = stream.next();
      if (frame) return frame;
    }
    return undefined;
  }

  /** Chunks and log lines have as many bytes each of what is left, as long as there are both. */
  #nextShared(): OutFrame | undefined {
    if (this.#leadBytes > 0) {
      const line = this.logs.next();
      this.#leadBytes = line ? this.#leadBytes - frameBytes(line) : 0;
      if (line) return line;
    }
    const chunk = this.nextChunk();
    if (!chunk) return this.logs.next();
    this.#leadBytes += frameBytes(chunk);
    return chunk;
  }

  #nextState(): OutFrame | undefined {
    for (const subscription of this.#states) {
      const frame = subscription.next();
      if (frame) return frame;
      this.#states.delete(subscription);
    }
    return undefined;
  }
}
