import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { Exchange } from './answers.ts';
import type { Answer, Request } from './answers.ts';

/** When nobody listens there is no hurry: the plugin is between two instances, or gone. */
const nobodyMs = 20;
/** Longer than any drain: what is not answered by then is lost. */
const answerMs = 30_000;

/** Sends the same request again and again, so many at once, until it is stopped. */
export class Load {
  readonly answers: Answer[] = [];
  sent = 0;
  #isStopping = false;
  readonly #open = new Set<Exchange>();
  readonly #workers: Promise<void>[];

  constructor(connection: Connection, request: Request, atOnce: number, signal: AbortSignal) {
    this.#workers = Array.from({ length: atOnce }, () => this.#work(connection, request, signal));
    // They are awaited in `stop`; until then a failure is nobody's.
    for (const worker of this.#workers) worker.catch(() => undefined);
  }

  async reached(answers: number, withinMs: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.answers.length < answers && performance.now() < until) await delay(10, signal);
  }

  /** @returns how many requests were never answered, though there was so much time since the last */
  async stop(withinMs: number, signal: AbortSignal): Promise<number> {
    this.#isStopping = true;
    const until = performance.now() + withinMs;
    while (this.#open.size > 0 && performance.now() < until) await delay(10, signal);
    const lost = this.#open.size;
    for (const exchange of this.#open) exchange.close();
    await Promise.all(this.#workers);
    return lost;
  }

  async #work(connection: Connection, request: Request, signal: AbortSignal): Promise<void> {
    while (!this.#isStopping && !signal.aborted) {
      const exchange = new Exchange(connection, request);
      this.#open.add(exchange);
      this.sent += 1;
      await exchange.answered(answerMs);
      const [answer] = exchange.answers;
      // Closed by `stop`, which has counted it.
      if (!answer) return;
      this.answers.push(answer);
      this.#open.delete(exchange);
      exchange.close();
      if (answer.isNoResponders) await delay(nobodyMs, signal);
    }
  }
}
