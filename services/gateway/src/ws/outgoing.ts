import { ByteQueue } from './byte-queue.ts';
import { LogQueue } from './log-queue.ts';
import { frameBytes } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';
import type { StateSubscription } from './state-subscription.ts';

/**
 * What one client has to get: first results and other answers, of which none is dropped; then states, of which nothing
 * but the latest is known; then log lines, as many as may wait.
 */
export class Outgoing {
  readonly logs: LogQueue;
  readonly #answers = new ByteQueue<OutFrame>({ bytesOf: frameBytes });
  /** Those that may have something to say. */
  readonly #states = new Set<StateSubscription>();

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

  next(): OutFrame | undefined {
    return this.nextAnswer() ?? this.#nextState() ?? this.logs.next();
  }

  nextAnswer(): OutFrame | undefined {
    return this.#answers.shift();
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
