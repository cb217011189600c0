import type { Problem } from '@bkg/sdk/protocol';
import { onceAFrame } from '../once-a-frame.ts';
import { problemOfError } from '../request.ts';
import { ChunkList } from './chunk-list.ts';
import { ChunkRate } from './chunk-rate.ts';

/** So many chunks are taken before the page is drawn; the next ones wait, at the plugin. */
const perFrameMost = 200;

/** Chunks of JSON as they come, over whichever way. */
export interface ChunkSource extends AsyncIterable<string> {
  /** Undefined while it is not known. */
  readonly invocationId: string | undefined;
  /** Settles at the end. */
  readonly output: Promise<string>;
  cancel: () => void;
}

export type StreamEnd =
  { kind: 'done'; output: string } | { kind: 'failed'; problem: Problem } | { kind: 'cancelled' };

/** What is drawn: at most once a frame, however many chunks come. */
export interface StreamView {
  count: number;
  bytes: number;
  /** In a second, now; after the end over all of it. */
  rate: number | undefined;
  elapsedMs: number;
}

/** One stream from its first chunk to its end, and what of it is kept after that. */
export class StreamRun {
  readonly chunks = new ChunkList();
  view = $state.raw<StreamView>({ count: 0, bytes: 0, rate: undefined, elapsedMs: 0 });
  /** Undefined until a chunk has come. */
  firstAfterMs = $state<number>();
  end = $state.raw<StreamEnd>();
  /** Nothing is taken while it is: the plugin waits. */
  isPaused = $state(false);
  #stream: ChunkSource;
  #startedAt: number;
  #rate = new ChunkRate();
  #isCancelled = false;
  #wake: (() => void) | undefined;
  #draw = onceAFrame<undefined>(() => this.#look());

  constructor(stream: ChunkSource, startedAt: number) {
    this.#stream = stream;
    this.#startedAt = startedAt;
  }

  get invocationId(): string | undefined {
    return this.#stream.invocationId;
  }

  pause(): void {
    this.isPaused = true;
  }

  goOn(): void {
    this.isPaused = false;
    this.#wake?.();
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#stream.cancel();
    this.#wake?.();
  }

  /** Takes what comes until the end. Never rejects. */
  async take(): Promise<StreamEnd> {
    const ticking = setInterval(() => this.#draw.put('', undefined), 250);
    let end: StreamEnd;
    // One that has failed is told of also while it is paused: nothing waits any more. Asked in this turn, it takes no chunks away.
    void Promise.resolve().then(() => this.#stream.output.catch(() => this.goOn()));
    try {
      for await (const chunk of this.#stream) {
        this.firstAfterMs ??= performance.now() - this.#startedAt;
        this.chunks.add(chunk);
        this.#draw.put('', undefined);
        if (this.chunks.count % perFrameMost === 0) await nextFrame();
        while (this.isPaused && !this.#isCancelled) await this.#woken();
      }
      end = { kind: 'done', output: await this.#stream.output };
    } catch (error) {
      end = this.#isCancelled ? { kind: 'cancelled' } : { kind: 'failed', problem: problemOfError(error) };
    }
    clearInterval(ticking);
    this.#draw.end();
    this.#look(true);
    this.isPaused = false;
    this.end = end;
    return end;
  }

  #look(isEnd = false): void {
    const { count, bytes } = this.chunks;
    const now = performance.now();
    const elapsedMs = now - this.#startedAt;
    const rate = isEnd ? (count / elapsedMs) * 1_000 : this.#rate.tell(count, now);
    this.view = { count, bytes, rate, elapsedMs };
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** A page that cannot be seen draws no frames: there it goes on all the same, once a second. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    const frame = onceAFrame<undefined>(() => resolve());
    frame.put('', undefined);
  });
}
