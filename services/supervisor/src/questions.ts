import { NoRespondersError, subjects } from '@bkg/sdk';
import type { Connection, ServiceVerb } from '@bkg/sdk';
import type { Msg } from '@nats-io/nats-core';
import { bodyOf } from './event-body.ts';

/** At the same time; as many again may be asked of managed instances, whom the others must not keep waiting. */
const questionsMost = 32;
/** How long the one that is meant may be behind somebody else's answer. */
const afterNonsenseMs = 200;

/** Direct questions to instances, over discovery. */
export class Questions {
  readonly #connection: Pick<Connection, 'request'>;
  readonly #answerMs: number;
  readonly #signal: AbortSignal;
  readonly #asked = new Set<string>();

  constructor(connection: Pick<Connection, 'request'>, answerMs: number, signal: AbortSignal) {
    this.#connection = connection;
    this.#answerMs = answerMs;
    this.#signal = signal;
  }

  /** There is room for one more: those who were told to wait may ask. */
  onFree: () => void = () => undefined;

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
    // Anybody may answer in its place, and sooner: that must not make it unheard.
    const impatient = new AbortController();
    let isNonsense = false;
    const isMeant = (reply: Msg): boolean => {
      const answer = bodyOf(reply) as Record<string, unknown> | undefined;
      if (answer?.['name'] === id && answer['id'] === instance) return true;
      if (!isNonsense) setTimeout(() => impatient.abort(), afterNonsenseMs).unref();
      isNonsense = true;
      return false;
    };
    try {
      const reply = await this.#connection.request(subjects.service(verb, id, instance), '', {
        timeoutMs: this.#answerMs,
        signal: AbortSignal.any([this.#signal, impatient.signal]),
        accept: isMeant,
      });
      return bodyOf(reply) as Record<string, unknown>;
    } catch (error) {
      if (isNonsense) return 'nonsense';
      // Nobody, or too late: that is an answer too.
      return error instanceof NoRespondersError ? 'nobody' : undefined;
    } finally {
      this.#asked.delete(question);
      this.onFree();
    }
  }
}
