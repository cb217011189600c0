import { ByteQueue } from './byte-queue.ts';
import type { LogSubscription } from './log-subscription.ts';
import type { OutFrame } from './out-frame.ts';

interface Waiting {
  subscription: LogSubscription;
  seq: number;
  /** Undefined where the broker was away. */
  body: Buffer | undefined;
}

/** Of a line that waits: its head when it is sent, and what the queue itself needs. */
const overheadBytes = 128;

/** The log lines that wait for one client, of all its subscriptions in the order in which they came. */
export class LogQueue {
  readonly #lines: ByteQueue<Waiting>;
  /** Who has to be told that something is missing: in front of what is left. */
  readonly #lossy = new Set<LogSubscription>();

  constructor(mostBytes: number) {
    this.#lines = new ByteQueue({
      mostBytes,
      bytesOf: ({ body }) => (body?.length ?? 0) + overheadBytes,
      onDrop: ({ subscription, seq, body }) => {
        if (body) subscription.lost += 1;
        else subscription.gapSeq = seq;
        this.#lossy.add(subscription);
      },
    });
  }

  push(waiting: Waiting): void {
    this.#lines.push(waiting);
  }

  next(): OutFrame | undefined {
    for (;;) {
      const told = this.#nextLoss();
      if (told) return told;
      const waiting = this.#lines.shift();
      if (!waiting) return undefined;
      const { subscription, seq, body } = waiting;
      if (body) return subscription.frameOf(seq, body);
      subscription.gapSeq = seq;
      this.#lossy.add(subscription);
    }
  }

  forget(subscription: LogSubscription): void {
    this.#lossy.delete(subscription);
    this.#lines.removeIf((waiting) => waiting.subscription === subscription);
  }

  #nextLoss(): OutFrame | undefined {
    for (const subscription of this.#lossy) {
      const frame = subscription.nextLoss();
      if (frame) return frame;
      this.#lossy.delete(subscription);
    }
    return undefined;
  }
}
