import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { windowMost } from '../protocol/stream.ts';
import { headerNames } from '../protocol/headers.ts';
import { describe, Exchange, headerOf } from './answers.ts';
import type { Answer, Request } from './answers.ts';
import { FrameChecks } from './frames.ts';
import type { Target, TargetCapability } from './target.ts';
import { Broken, NotTried } from './verdict.ts';

export interface StreamReadingOptions {
  connection: Connection;
  target: Target;
  capability: TargetCapability;
  request: Request;
  window: number;
}

/** A streaming reply whose credit the case gives: with every chunk that comes it is known how many were allowed. */
export class StreamReading {
  readonly #connection: Connection;
  readonly #capability: TargetCapability;
  readonly #checks: FrameChecks;
  readonly #exchange: Exchange;
  /** Chunks that may have come by now. */
  #granted: number;

  constructor({ connection, target, capability, request, window }: StreamReadingOptions) {
    this.#connection = connection;
    this.#capability = capability;
    this.#checks = new FrameChecks(target, capability);
    this.#granted = window;
    const headers = { ...request.headers, [headerNames.stream]: String(window) };
    this.#exchange = new Exchange(connection, { ...request, headers });
  }

  /** Exactly so many come, and no more in `forMs`. @throws Broken; NotTried when its stream is over before */
  async chunks(wanted: number, withinMs: number, forMs: number, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#checks.chunks >= wanted, withinMs);
    const { chunks, last } = this.#checks;
    if (last) this.#tooShort(wanted, last);
    if (chunks < wanted) throw new Broken(`${wanted} chunks`, `${chunks} in ${withinMs} ms`);
    await delay(forMs, signal);
    this.#check();
    // The last frame needs no credit.
    if (this.#checks.last) this.#tooShort(wanted + 1, this.#checks.last);
  }

  #tooShort(wanted: number, last: Answer): never {
    if (last.isNoResponders || headerOf(last, headerNames.errorCode) !== undefined)
      throw new Broken(`chunk ${wanted}`, describe(last));
    if (headerOf(last, headerNames.seq) === undefined)
      throw new Broken('an answer in chunks, with Bkg-Seq', describe(last));
    throw new NotTried(
      `the stream of ${this.#capability.id} is over after ${this.#checks.chunks} chunks: give a sample with at least 40`,
    );
  }

  /** Publishes to the subject that the last chunk has named; what is credit counts. */
  tell(body: unknown, text: string): void {
    // What had come before it was not allowed by it.
    this.#check();
    const flow = this.#exchange.answers[this.#checks.chunks - 1]?.reply;
    if (flow === undefined) throw new Error('The suite tells something to a stream before its first chunk.');
    const { credit } = Object(body) as { credit?: unknown };
    if (typeof credit === 'number') this.#granted += credit;
    this.#connection.nats.publish(flow, text);
  }

  /** Reads on as its window has it, to the last frame. @throws Broken when it does not come */
  async read(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    const window = this.#granted;
    while (this.#checks.last === undefined) {
      const leftMs = until - performance.now();
      const { chunks } = this.#checks;
      if (leftMs <= 0) throw new Broken('the last frame', `${chunks} chunks in ${withinMs} ms`);
      const credit = Math.min(windowMost, chunks + window - this.#granted);
      if (credit >= Math.max(1, Math.floor(window / 2))) {
        const body = { credit };
        this.tell(body, JSON.stringify(body));
      }
      await this.#until(() => this.#checks.chunks > chunks, leftMs);
    }
  }

  /** The last frame. @throws Broken when none comes, or a frame before it is wrong */
  async ended(withinMs: number): Promise<Answer> {
    await this.#until(() => false, withinMs);
    const { chunks, last } = this.#checks;
    if (last) return last;
    throw new Broken('the last frame of the stream', `${chunks} chunks, and nothing in ${withinMs} ms`);
  }

  /** Nobody listens to the reply subject any more, and the broker knows it. */
  async leave(): Promise<void> {
    this.#exchange.close();
    await this.#connection.flush();
  }

  close(): void {
    this.#exchange.close();
  }

  /** Looks at every frame that comes, until it is so or the stream is over. @throws Broken */
  async #until(isSo: () => boolean, withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    const { answers } = this.#exchange;
    for (;;) {
      this.#check();
      const leftMs = until - performance.now();
      if (isSo() || this.#checks.last || leftMs <= 0) return;
      const seen = answers.length;
      await this.#exchange.until(() => answers.length > seen, leftMs);
    }
  }

  #check(): void {
    this.#checks.check(this.#exchange.answers);
    const { chunks } = this.#checks;
    if (chunks > this.#granted)
      throw new Broken(`at most ${this.#granted} chunks, for which there was credit`, `${chunks} chunks`);
  }
}
