import { jsonOrUndefined, NoRespondersError, subjects } from '@bkg/sdk';
import type { Connection, ServiceVerb } from '@bkg/sdk';
import type { Msg } from '@nats-io/nats-core';

/** At the same time; as many again may be asked of managed instances, whom the others must not keep waiting. */
const questionsMost = 32;

export interface QuestionsOptions {
  connection: Pick<Connection, 'request'>;
  /** How long an answer may take. */
  answerMs: number;
  /** At the same time. @default 32, and 32 more of managed instances */
  most?: number;
  /** How long the one that is meant may be behind somebody else's answer. @default 200 */
  afterNonsenseMs?: number;
  signal: AbortSignal;
}

/** Direct questions to instances, over discovery. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #asked = new Set<string>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** There is room for one more: those who were told to wait may ask. */
  onFree: () => void = () => undefined;

  /** False while the same is asked already, or too much else. */
  mayAsk(verb: ServiceVerb, id: string, instance: string, isManaged = false): boolean {
    const most = this.#options.most ?? (isManaged ? 2 * questionsMost : questionsMost);
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
    const { connection, answerMs, afterNonsenseMs = 200, signal } = this.#options;
    const question = `${verb} ${id} ${instance}`;
    this.#asked.add(question);
    // Anybody may answer in its place, and sooner: that must not make it unheard.
    const impatient = new AbortController();
    let isNonsense = false;
    const isMeant = (reply: Msg): boolean => {
      const answer = jsonOrUndefined(reply.data) as Record<string, unknown> | undefined;
      if (answer?.['name'] === id && answer['id'] === instance) return true;
      if (!isNonsense) setTimeout(() => impatient.abort(), afterNonsenseMs).unref();
      isNonsense = true;
      return false;
    };
    try {
      const reply = await connection.request(subjects.service(verb, id, instance), '', {
        timeoutMs: answerMs,
        signal: AbortSignal.any([signal, impatient.signal]),
        accept: isMeant,
      });
      return jsonOrUndefined(reply.data) as Record<string, unknown>;
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
