import type { Msg, Payload } from '@nats-io/nats-core';
import { Answered } from './answered.ts';
import type { Reply } from './answered.ts';
import type { Connection } from './connection.ts';
import type { Endpoint, Endpoints } from './endpoint.ts';
import type { Invocation } from './invocation.ts';
import type { HeaderValues } from './outgoing.ts';
import { encodeValue, invalidOutput, responseTypeOf } from './outgoing-value.ts';
import { respondProblem } from './problem.ts';
import { BkgError, errorEntryOf, PluginError, problemOf, problemOfCode } from './protocol/errors.ts';
import type { Problem } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import type { Statistics } from './statistics.ts';
import { shortToken } from './token.ts';

export interface AnswersOptions {
  pluginId: string;
  /** Of the instance. */
  instance: string;
  connection: Connection;
  endpoints: Endpoints;
  statistics: Statistics;
}

/** Brings what became of an invocation to its caller, counts it, and remembers it for who asks again. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #answered = new Answered();

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** @throws BkgError INVALID_OUTPUT for what cannot be handed out; nothing was sent then */
  succeed(invocation: Invocation, { id, capability, validateOutput }: Endpoint, output: unknown): void {
    const data = encodeValue(id, capability.output, validateOutput, output);
    const contentType = responseTypeOf(id, capability.output, invocation.contentType);
    const headers = contentType === undefined ? undefined : { [headerNames.contentType]: contentType };
    try {
      this.#send(invocation, data, headers);
    } catch (error) {
      // PAYLOAD_TOO_LARGE would say that nothing was executed.
      if (error instanceof BkgError) throw invalidOutput(id, [{ path: '', message: error.message }]);
      throw error;
    }
    const now = performance.now();
    this.#options.statistics.count(invocation.capability, now - invocation.receivedAt);
    this.#remember(invocation, { data, headers }, now);
  }

  fail(invocation: Invocation, error: unknown): void {
    const problem = this.#problemOf(invocation, error);
    const retryAfterSecs = error instanceof BkgError ? error.retryAfterSecs : undefined;
    // Of a place elsewhere that a handler did not get, nobody can be told more here.
    const isFull = problem.code === 'BUSY' && !invocation.hasRun;
    const more = isFull ? { [headerNames.instance]: this.#options.instance } : undefined;
    let reply: Reply | undefined;
    const respond = (_: Msg, data: Payload, headers?: HeaderValues): boolean => {
      reply = { data, headers: more ? { ...headers, ...more } : headers };
      this.#send(invocation, data, reply.headers);
      return true;
    };
    respondProblem({ respond }, invocation.msg, problem, retryAfterSecs);
    const now = performance.now();
    const durationMs = now - invocation.receivedAt;
    this.#options.statistics.count(invocation.capability, durationMs, `${problem.code}: ${problem.detail}`);
    const level = problem.status >= 500 ? 'warn' : 'debug';
    if (invocation.logs(level))
      invocation.log[level]({ code: problem.code, duration_ms: Math.round(durationMs) }, problem.detail);
    if (mayHaveRun(invocation, problem)) this.#remember(invocation, reply, now);
  }

  /**
   * Answers one whose id was answered before as it was answered then: it does not run again. It counts as no request: that
   * was the first one.
   * @returns false when it is a new one
   * @throws BkgError CONFLICT when it is something else, or the answer is not there any more
   */
  repeat(invocation: Invocation): boolean {
    if (!invocation.isNamed) return false;
    const { body, invocationId, named } = invocation;
    const found = this.#answered.find(invocationId, named, body);
    if (found === undefined) return false;
    const which = `The invocation ${shortToken(invocationId)}`;
    if (found === 'different')
      throw new BkgError(
        'CONFLICT',
        `${which} was another one, with another capability or payload: choose a new id.`,
      );
    if (found === 'gone')
      throw new BkgError(
        'CONFLICT',
        `${which} has run already, and its answer is not kept: that of a stream, of an upload and a large one never is.`,
      );
    invocation.log.debug('it was answered before, and is answered likewise');
    this.#send(invocation, found.data, found.headers);
    return true;
  }

  /** @throws BkgError PAYLOAD_TOO_LARGE */
  #send(invocation: Invocation, data: Payload, headers: HeaderValues | undefined): void {
    const { msg, chunks } = invocation;
    // A message without a reply subject is carried out like any other; its sender does not want to know.
    if (!msg.reply) return;
    const isFirst = chunks === undefined || (chunks.count === 0 && isFailure(headers));
    if (!isFirst) chunks.end(data, headers);
    else if (!this.#options.connection.respond(msg, data, headers)) {
      // Made when it is asked for, which few handlers do: not taken out above.
      invocation.log.error('the reply was lost');
    }
  }

  #remember(invocation: Invocation, reply: Reply | undefined, now: number): void {
    if (!invocation.isNamed) return;
    const { invocationId, named, body, chunks, upload } = invocation;
    const kept = chunks || upload ? undefined : reply;
    this.#answered.keep(invocationId, named, body, kept, now);
  }

  /** The failure as the caller is told of it; what nobody foresaw goes to the log and not to the caller. */
  #problemOf(invocation: Invocation, error: unknown): Problem {
    const { endpoints, pluginId } = this.#options;
    if (error instanceof BkgError) return error.problem;
    const declared =
      error instanceof PluginError
        ? endpoints.find(invocation.capability)?.capability.errors?.[error.code]
        : undefined;
    if (declared && error instanceof PluginError) {
      return problemOf(error.code, declared, error.message, error.errors);
    }
    invocation.log.error({ error }, 'the handler failed');
    const where = `${pluginId} failed in ${invocation.capability}`;
    const detail = `${where}; its log says why, at invocation ${shortToken(invocation.invocationId)}.`;
    return problemOfCode('INTERNAL', detail);
  }
}

function isFailure(headers: HeaderValues | undefined): boolean {
  return headers?.[headerNames.errorCode] !== undefined;
}

/** Of a payload that was refused in the middle some has been taken, whatever the code says. */
function mayHaveRun({ hasRun, passesOn, upload, chunks }: Invocation, { code }: Problem): boolean {
  if (!hasRun) return false;
  if (passesOn || upload || (chunks && chunks.count > 0)) return true;
  return errorEntryOf(code)?.executed !== 'no';
}
