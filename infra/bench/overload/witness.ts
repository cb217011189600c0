import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { ascending, percentile } from '../figures.ts';
import { capability, neighbour } from './parts.ts';

/** What has to answer while something else has too much to do. */
export const questions = ['/livez', '/readyz', '/api/plugins', '/', 'neighbour', 'neighbour, nats'] as const;
export type Question = (typeof questions)[number];

/** Times in ms, from the question to the whole answer. */
export interface Asked {
  count: number;
  p50: number;
  p99: number;
  most: number;
  /** What was wrong, each once. */
  failures: string[];
}

export interface WitnessOptions {
  httpPort: number;
  apiKey: string;
  connection: Connection;
}

const everyMs = 200;
const answerMostMs = 10_000;
const text = 'all right?';

/** Asks everybody again and again, each over a connection of its own, as somebody does who comes now. */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #end = new AbortController();
  readonly #times = new Map<Question, number[]>(questions.map((question) => [question, []]));
  readonly #failures = new Map<Question, Set<string>>(questions.map((question) => [question, new Set()]));
  readonly #running: Promise<unknown>;

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#running = Promise.all(questions.map((question) => this.#repeat(question)));
  }

  async stop(): Promise<Record<Question, Asked>> {
    this.#end.abort();
    await this.#running;
    return Object.fromEntries(
      questions.map((question): [Question, Asked] => {
        const times = (this.#times.get(question) ?? []).sort(ascending);
        return [
          question,
          {
            count: times.length,
            p50: percentile(times, 0.5),
            p99: percentile(times, 0.99),
            most: times.at(-1) ?? NaN,
            failures: [...(this.#failures.get(question) ?? [])],
          },
        ];
      }),
    ) as Record<Question, Asked>;
  }

  async #repeat(question: Question): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const askedAt = performance.now();
      const failure = await this.#ask(question).catch((error: Error) => error.message);
      this.#times.get(question)?.push(performance.now() - askedAt);
      if (failure !== undefined) this.#failures.get(question)?.add(failure);
      const restMs = everyMs - (performance.now() - askedAt);
      await delay(Math.max(0, restMs), undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns what is wrong with the answer */
  async #ask(question: Question): Promise<string | undefined> {
    if (question === 'neighbour, nats') {
      const subject = subjects.invokeCapability(neighbour, capability);
      const body = JSON.stringify({ text });
      const msg = await this.#options.connection.request(subject, body, { timeoutMs: answerMostMs });
      return msg.string() === body ? undefined : `it answered ${msg.string().slice(0, 200)}`;
    }
    const { status, body } =
      question === 'neighbour'
        ? await this.#http(`/api/plugins/${neighbour}/invoke/${capability}`, JSON.stringify({ text }))
        : await this.#http(question);
    if (status !== 200) return `it answered ${status} ${body.slice(0, 200)}`;
    return expected[question].test(body) ? undefined : `it answered 200 and ${body.slice(0, 200)}`;
  }

  #http(path: string, body?: string): Promise<{ status: number; body: string }> {
    const { httpPort: port, apiKey } = this.#options;
    return new Promise((resolve, reject) => {
      const request = http.request({
        ...{ host: '127.0.0.1', port, path, agent: false, signal: AbortSignal.timeout(answerMostMs) },
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
        },
      });
      request.once('error', reject);
      request.once('response', (answer) => {
        let received = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (received += piece));
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body: received }));
        answer.once('error', reject);
      });
      request.end(body);
    });
  }
}

const expected: Readonly<Record<Exclude<Question, 'neighbour, nats'>, RegExp>> = {
  '/livez': /"live"/,
  '/readyz': /"ready"/,
  '/api/plugins': new RegExp(`"id":"${neighbour}"`),
  '/': /<script/,
  neighbour: new RegExp(`"text":"${text.replace('?', '\\?')}"`),
};
