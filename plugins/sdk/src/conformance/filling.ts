import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { subjects } from '../protocol/subjects.ts';
import { headerNames } from '../protocol/headers.ts';
import { createToken } from '../token.ts';
import { Exchange } from './answers.ts';
import type { Answer, Request } from './answers.ts';
import { heldOf } from './holding.ts';
import type { Target } from './target.ts';
import { Broken, NotTried } from './verdict.ts';

interface Sent {
  id: string;
  exchange: Exchange;
}

const firstBatch = 4;
/** In this time an instance says of what it has just been sent that it is too much. */
const refusalMs = 200;
/** So many ids go into one question. */
const askedMost = 500;

/** Slow invocations until an instance has no place for one more. */
export class Filling {
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #sent: Sent[] = [];
  /** Those that were answered before anything was cancelled. */
  #refused: Sent[] = [];

  constructor(connection: Connection, target: Target) {
    this.#connection = connection;
    this.#target = target;
  }

  /** How many have no answer yet. */
  get heldCount(): number {
    return this.#sent.length - this.#answered.length;
  }

  get refusedIds(): string[] {
    return this.#refused.map(({ id }) => id);
  }

  get refusals(): Answer[] {
    return this.#refused.flatMap(({ exchange }) => exchange.answers);
  }

  get #answered(): Sent[] {
    return this.#sent.filter(({ exchange }) => exchange.answers.length > 0);
  }

  /** Twice as many each time, because nobody knows how many places there are. @throws NotTried when there are more */
  async fill(request: Request, most: number, signal: AbortSignal): Promise<void> {
    for (let batch = firstBatch; this.#answered.length === 0; batch *= 2) {
      if (this.#sent.length >= most)
        throw new NotTried(
          `${most} invocations are taken at once: give its configuration smaller limits, such as {"max_concurrency": 8, "max_queue": 24}`,
        );
      for (let i = 0; i < batch; i++) {
        const id = createToken();
        const headers = { ...request.headers, [headerNames.invocationId]: id };
        this.#sent.push({ id, exchange: new Exchange(this.#connection, { ...request, headers }) });
      }
      await delay(refusalMs, signal);
    }
    // Those of the same batch are refused in the same moment.
    await delay(refusalMs, signal);
    this.#refused = this.#answered;
  }

  /** @throws Broken when one that was refused is held all the same */
  async checkRefused(signal: AbortSignal): Promise<void> {
    const ids = this.refusedIds.slice(0, askedMost);
    const held = await heldOf(this.#connection, this.#target, ids, signal);
    if (held.length > 0) throw new Broken('nothing in flight of what was BUSY', `${held.length} of it`);
  }

  /** Cancels what is held. @throws Broken when one of it is not answered in that time */
  async empty(withinMs: number): Promise<void> {
    const open = this.#sent.filter(({ exchange }) => exchange.answers.length === 0);
    for (const { id } of open)
      this.#connection.nats.publish(subjects.cancel(this.#target.id), JSON.stringify({ invocation_id: id }));
    const until = performance.now() + withinMs;
    for (const { exchange } of open) await exchange.answered(Math.max(0, until - performance.now()));
    const { heldCount } = this;
    if (heldCount > 0)
      throw new Broken(
        `an answer to each of ${open.length} cancelled invocations`,
        `none to ${heldCount} of them`,
      );
  }

  close(): void {
    for (const { exchange } of this.#sent) exchange.close();
  }
}
