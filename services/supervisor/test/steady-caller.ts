import { createToken, subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { Msg, Subscription } from '@nats-io/nats-core';

/** Invokes a plugin over NATS all the time, and knows what has become of each invocation. */
export class SteadyCaller implements Disposable {
  readonly #connection: Connection;
  readonly #id: string;
  readonly #inbox = `_INBOX.steady.${createToken()}`;
  readonly #answers: string[][] = [];
  readonly #subscription: Subscription;
  readonly #timer: NodeJS.Timeout;

  constructor(connection: Connection, id: string, everyMs = 5) {
    this.#connection = connection;
    this.#id = id;
    this.#subscription = connection.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => this.#hear(error ? String(error) : outcomeOf(msg), msg),
    });
    this.#timer = setInterval(() => this.#call(), everyMs);
  }

  get count(): number {
    return this.#answers.length;
  }

  get answered(): number {
    return this.#answers.filter((answers) => answers.includes('ok')).length;
  }

  /** @returns what became of those that were not answered exactly once and well, each in a line */
  async end(): Promise<string[]> {
    clearInterval(this.#timer);
    const isOver = (): boolean => this.#answers.every((answers) => answers.length > 0);
    await eventually(isOver, { withinMs: 5_000 }).catch(() => undefined);
    // A second answer would come after the first.
    await this.#connection.flush();
    this.#subscription.unsubscribe();
    return this.#answers.flatMap((answers, n) =>
      answers.length === 1 && answers[0] === 'ok' ? [] : [`${n}: ${answers.join(' and ') || 'none'}`],
    );
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #call(): void {
    const n = this.#answers.push([]) - 1;
    const reply = `${this.#inbox}.${n}`;
    const subject = subjects.invokeCapability(this.#id, 'text.say');
    this.#connection.nats.publish(subject, JSON.stringify({ n }), { reply });
  }

  #hear(outcome: string, msg: Msg): void {
    const n = Number(msg.subject.split('.').at(-1));
    const isRight = outcome !== 'ok' || msg.json<{ n: number }>().n === n;
    this.#answers[n]?.push(isRight ? outcome : `the answer to ${msg.string()}`);
  }
}

function outcomeOf(msg: Msg): string {
  if (msg.headers?.code === 503) return 'nobody was there';
  return msg.headers?.get('Nats-Service-Error') || 'ok';
}
