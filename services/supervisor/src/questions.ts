import { NoRespondersError, subjects } from '@bkg/sdk';
import type { Connection, ServiceVerb } from '@bkg/sdk';
import { bodyOf } from './event-body.ts';

/** At the same time; as many again may be asked of managed instances, whom the others must not keep waiting. */
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
  mayAsk(verb: ServiceVerb, id: string, instance: string, isManaged = false): boolean {
    const most = isManaged ? 2 * questionsMost : questionsMost;
    return this.#asked.size < most && !this.#asked.has(`${verb} ${id} ${instance}`);
  }

  /** @returns undefined when the one that is meant does not answer; `mayAsk` must hold */
  async ask(verb: ServiceVerb, id: string, instance: string): Promise<Record<string, unknown> | undefined> {
    const answer = await this.askOrMiss(verb, id, instance);
    return typeof answer === 'string' ? undefined : answer;
  }

  /**
   * @returns the same; 'nobody' when the broker knows of nobody who could answer, 'nonsense' when what came is no
   * answer of the one that is meant
   */
  async askOrMiss(
    verb: ServiceVerb,
    id: string,
    instance: string,
  ): Promise<Record<string, unknown> | 'nobody' | 'nonsense' | undefined> {
    const question = `${verb} ${id} ${instance}`;
    this.#asked.add(question);
    try {
      const msg = await this.#connection.request(subjects.service(verb, id, instance), '', {
        timeoutMs: this.#answerMs,
        signal: this.#signal,
      });
      const answer = bodyOf(msg) as Record<string, unknown> | undefined;
      return answer?.['name'] === id && answer['id'] === instance ? answer : 'nonsense';
    } catch (error) {
      // Nobody, or too late: that is an answer too.
      return error instanceof NoRespondersError ? 'nobody' : undefined;
    } finally {
      this.#asked.delete(question);
    }
  }
}
