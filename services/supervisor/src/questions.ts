import { subjects } from '@bkg/sdk';
import type { Connection, ServiceVerb } from '@bkg/sdk';
import { bodyOf } from './event-body.ts';

/** At the same time. */
const questionsMost = 32;

/** Direct questions to instances, over discovery. */
export class Questions {
  readonly #connection: Connection;
  readonly #answerMs: number;
  readonly #signal: AbortSignal;
  readonly #asked = new Set<string>();

  constructor(connection: Connection, answerMs: number, signal: AbortSignal) {
    this.#connection = connection;
    this.#answerMs = answerMs;
    this.#signal = signal;
  }

  /** False while the same is asked already, or too much else. */
  mayAsk(verb: ServiceVerb, id: string, instance: string): boolean {
    return this.#asked.size < questionsMost && !this.#asked.has(`${verb} ${id} ${instance}`);
  }

  /** @returns undefined when the one that is meant does not answer; `mayAsk` must hold */
  async ask(verb: ServiceVerb, id: string, instance: string): Promise<Record<string, unknown> | undefined> {
    const question = `${verb} ${id} ${instance}`;
    this.#asked.add(question);
    try {
      const msg = await this.#connection.request(subjects.service(verb, id, instance), '', {
        timeoutMs: this.#answerMs,
        signal: this.#signal,
      });
      const answer = bodyOf(msg) as Record<string, unknown> | undefined;
      return answer?.['name'] === id && answer['id'] === instance ? answer : undefined;
    } catch {
      // Nobody, or too late: that is an answer too.
      return undefined;
    } finally {
      this.#asked.delete(question);
    }
  }
}
