import type { Answers } from './answer.ts';
import { isBytes } from './bytes.ts';
import { InvocationError } from './client/errors.ts';
import type { Connection } from './connection.ts';
import type { Endpoint, Endpoints } from './endpoint.ts';
import type { Inbox } from './inbox.ts';
import type { InstanceLimits } from './instance-limits.ts';
import { contentTypeOf } from './invocation-headers.ts';
import type { Invocation } from './invocation.ts';
import type { OverdueHandlers } from './overdue-handlers.ts';
import { inputOfBody, inputOfEnvelope, inputOfUpload, readEnvelope } from './payload.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import type { Slots } from './slots.ts';
import { runStream } from './stream-run.ts';
import type { Tally } from './tally.ts';
import type { UploadInput } from './upload-input.ts';

export interface HandlingParts {
  pluginId: string;
  connection: Connection;
  endpoints: Endpoints;
  answers: Answers;
  rates: InstanceLimits;
  slots: Slots;
  overdue: OverdueHandlers;
  /** Handlers that go on although their answer was due are among them. */
  running: Tally;
  /** What the other ends of streams say; undefined for a plugin without any. */
  flows: Inbox | undefined;
  /** @default creditPatienceMs */
  streamPatienceMs: number | undefined;
}

/** What a handler is called for. */
interface Request {
  endpoint: Endpoint;
  input: unknown;
}

/**
 * What becomes of an invocation that has a place: its payload is read and checked, its handler is called, and what that gives
 * is its answer. Of a handler that returns at once nothing is awaited.
 */
export class Handling {
  readonly #parts: HandlingParts;

  constructor(parts: HandlingParts) {
    this.#parts = parts;
  }

  /**
   * With a slot: it is given back when the handler has ended, which may be after the answer.
   * @returns undefined when it is answered already
   */
  run(
    invocation: Invocation,
    named: Endpoint | undefined,
    window: number | undefined,
  ): Promise<void> | undefined {
    const { upload } = invocation;
    if (named && upload) return this.#runWithUpload(invocation, named, upload, window);
    let request: Request;
    try {
      request = named
        ? { endpoint: named, input: inputOfBody(named, invocation) }
        : this.#readEnvelope(invocation);
    } catch (error) {
      this.#giveBack(false);
      throw error;
    }
    return this.#execute(invocation, request, window);
  }

  async #runWithUpload(
    invocation: Invocation,
    endpoint: Endpoint,
    upload: UploadInput,
    window: number | undefined,
  ): Promise<void> {
    let input: unknown;
    try {
      input = await inputOfUpload(endpoint, invocation, upload);
    } catch (error) {
      this.#giveBack(false);
      throw error;
    }
    await this.#execute(invocation, { endpoint, input }, window);
  }

  /** It is its body that names the capability. */
  #readEnvelope(invocation: Invocation): Request {
    const { body, headers } = invocation;
    contentTypeOf(headers, undefined);
    const { id, payload } = readEnvelope(body);
    invocation.capability = id;
    const endpoint = this.#parts.endpoints.of(id);
    invocation.enter(endpoint);
    this.#parts.rates.take(id);
    return { endpoint, input: inputOfEnvelope(this.#parts.pluginId, endpoint, payload, body.length) };
  }

  /** @returns undefined when the handler has ended */
  #execute(
    invocation: Invocation,
    { endpoint, input }: Request,
    window: number | undefined,
  ): Promise<void> | undefined {
    let handled: Promise<unknown> | undefined;
    try {
      if (invocation.endedBy) throw invocation.endedBy;
      const result = this.#handle(endpoint, input, invocation, window);
      if (isThenable(result)) handled = Promise.resolve(result);
      else this.#parts.answers.succeed(invocation, endpoint, result);
    } finally {
      if (!handled) this.#giveBack(false);
    }
    return handled && this.#follow(invocation, endpoint, handled);
  }

  async #follow(invocation: Invocation, endpoint: Endpoint, handled: Promise<unknown>): Promise<void> {
    try {
      const output = await invocation
        .outcomeOf(handled)
        .catch((error: unknown) => rethrowAsRun(invocation, error));
      this.#parts.answers.succeed(invocation, endpoint, output);
    } finally {
      if (invocation.endedBy) this.#watch(invocation, handled);
      else this.#giveBack(false);
    }
  }

  #handle(endpoint: Endpoint, input: unknown, invocation: Invocation, window: number | undefined): unknown {
    const { handler, chunk } = endpoint.capability;
    const { connection, flows, streamPatienceMs: patienceMs } = this.#parts;
    if (chunk !== undefined && isBytes(chunk) && window === undefined && invocation.msg.reply) {
      throw new BkgError(
        'INVALID_PAYLOAD',
        `${endpoint.id} answers with bytes in chunks (${chunk.contentType}): send ${headerNames.stream} with the number that you take, such as 32.`,
      );
    }
    invocation.hasRun = true;
    const result = handler(input as never, invocation);
    if (chunk === undefined || !flows) return result;
    return runStream(result, {
      endpoint,
      invocation,
      connection,
      flows,
      window,
      patienceMs,
    });
  }

  /** Keeps the place of a handler that goes on although its answer was due. */
  #watch(invocation: Invocation, handled: Promise<unknown>): void {
    this.#parts.overdue.add();
    this.#parts.running.enter();
    const leave = (): void => {
      this.#giveBack(true);
      this.#parts.running.leave();
    };
    handled.then(leave, (error: unknown) => {
      leave();
      // Nobody else hears of this failure.
      if (error !== invocation.endedBy)
        invocation.log.debug({ error }, 'the handler failed after its answer was due');
    });
  }

  #giveBack(isOverdue: boolean): void {
    this.#parts.slots.give();
    if (isOverdue) this.#parts.overdue.remove();
    else this.#parts.overdue.look();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}

/**
 * A failure of another invocation that the handler let through keeps its code, which may say that nothing was executed:
 * of this handler that is not true, and nobody may repeat it by themselves, whether it was made by `context.invoke` or
 * by a client. What the handler says of itself stands.
 */
function rethrowAsRun(invocation: Invocation, error: unknown): never {
  if (!(error instanceof InvocationError)) throw error;
  invocation.passesOn = true;
  throw BkgError.from({ ...error.problem, retryable: false });
}
