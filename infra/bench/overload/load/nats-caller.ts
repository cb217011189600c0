import { BkgError, connect, createLogger, problemOfMsg, retryAfterOf, subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { keyCredentials } from '@bkg/sdk/access';
import { headerNames } from '@bkg/sdk/protocol';
import { capability } from '../parts.ts';
import { timeoutMs } from './caller.ts';
import type { Caller, CallerOptions } from './caller.ts';
import { noAnswer, outcomeOfOutput, outcomeOfProblem } from './outcome.ts';
import type { Outcome } from './outcome.ts';

const connectMostMs = 10_000;
/** The answer of the instance is the better one. */
const graceMs = 500;

/** Requests on one connection to the broker, as somebody with an API key. */
export class NatsCaller implements Caller {
  readonly #connection: Connection;
  readonly #subject: string;

  static async connect({ busPort, apiKey, plugin }: CallerOptions): Promise<NatsCaller> {
    const credentials = keyCredentials(apiKey);
    const connection = await connect({
      servers: [`nats://127.0.0.1:${busPort}`],
      credentials,
      name: 'overload',
      identity: [credentials.user],
      log: createLogger({}, { level: 'error' }),
      signal: AbortSignal.timeout(connectMostMs),
    });
    return new NatsCaller(connection, subjects.invokeCapability(plugin, capability));
  }

  constructor(connection: Connection, subject: string) {
    this.#connection = connection;
    this.#subject = subject;
  }

  async call(text: string): Promise<Outcome> {
    const headers = { [headerNames.timeoutMs]: String(timeoutMs) };
    try {
      const options = { timeoutMs: timeoutMs + graceMs, headers };
      const msg = await this.#connection.request(this.#subject, JSON.stringify({ text }), options);
      const problem = problemOfMsg(msg);
      if (!problem) return outcomeOfOutput(msg.json(), text);
      const number = Number(msg.headers?.get(headerNames.errorCode));
      return outcomeOfProblem(problem, number, retryAfterOf(msg) !== undefined);
    } catch (error) {
      return error instanceof BkgError ? error.code : noAnswer(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
