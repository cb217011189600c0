import { dataFrame, emptyList, plainFrame, snapshotFrame } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';

/** One client's subscription to log lines, and what it has missed. */
export class LogSubscription {
  readonly #id: string;
  /** Lines that were dropped since it was told last. */
  lost = 0;
  /** Set when the broker was away: the place of which nobody knows what is missing. */
  gapSeq: number | undefined;
  #isUnknown = false;

  constructor(id: string) {
    this.#id = id;
  }

  frameOf(seq: number, body: Uint8Array): OutFrame {
    return dataFrame(this.#id, 'logs', seq, body);
  }

  snapshot(seq: number): OutFrame {
    return snapshotFrame(this.#id, 'logs', seq, emptyList);
  }

  dropped(count: number | null): OutFrame {
    return plainFrame({ type: 'dropped', id: this.#id, topic: 'logs', count });
  }

  /** What has to be said of the loss, one frame after the other. */
  nextLoss(): OutFrame | undefined {
    if (this.gapSeq !== undefined) {
      const frame = this.snapshot(this.gapSeq);
      this.gapSeq = undefined;
      this.#isUnknown = true;
      return frame;
    }
    if (this.#isUnknown) {
      this.#isUnknown = false;
      this.lost = 0;
      return this.dropped(null);
    }
    if (this.lost === 0) return undefined;
    const count = this.lost;
    this.lost = 0;
    return this.dropped(count);
  }
}
