import type { Msg } from '@nats-io/nats-core';
import type { BrokerCalls } from '../../broker-calls.ts';
import type { StreamAttempt, StreamCall } from '../../broker-stream.ts';
import { bytesContentType, isJsonContentType, jsonContentType } from '../../protocol/content-type.ts';
import { headerNames } from '../../protocol/headers.ts';
import { Body, pieceOf } from '../../stream/body.ts';
import type { BodyOptions } from '../../stream/body.ts';
import { failure } from '../failure.ts';
import { cancelled } from '../invoke.ts';
import { begin, isChunk, nameOf, readStream } from './open-stream.ts';
import { readGiven, readOutput } from './output.ts';

export interface AnswerOptions extends BodyOptions {
  invocationId: string;
  output: () => Promise<unknown>;
  cancel: () => void;
}

/**
 * An answer as bytes, of whatever content type: as a whole or piece by piece, once. Slow reading makes the plugin wait, and
 * leaving the loop cancels the invocation. Reading throws the InvocationError that ends it early.
 */
export class Answer extends Body {
  /** Of the try that succeeded. */
  readonly invocationId: string;
  readonly #output: () => Promise<unknown>;
  readonly #cancel: () => void;

  constructor({ invocationId, output, cancel, ...body }: AnswerOptions) {
    super(body);
    this.invocationId = invocationId;
    this.#output = output;
    this.#cancel = cancel;
  }

  /**
   * The value that the invocation has ended with: of an answer in pieces what comes after them, so they have to be read
   * first; of a single one that is JSON the same as `json()`, undefined for any other.
   */
  get output(): Promise<unknown> {
    return this.#output();
  }

  /** Wants no more of it; the plugin is told so. After its end it does nothing. */
  cancel(): void {
    this.#cancel();
  }
}

/** The SDK cuts bytes into pieces of which a window holds 512 KiB: fewer and larger ones are less work. */
const bytesWindow = 4;

/** One try of an invocation whose answer is taken as bytes, once its first message is here. @throws BkgError */
export async function openAnswer(
  calls: BrokerCalls,
  call: StreamCall,
  attempt: StreamAttempt,
): Promise<Answer> {
  const { stream, first } = await begin(calls, call, { firstWindow: bytesWindow, ...attempt });
  const { invocationId } = attempt;
  const contentType = first.headers?.get(headerNames.contentType);
  const isStream = Boolean(first.headers?.get(headerNames.seq));
  if (!isStream) return wholeAnswer(call, first, invocationId);
  // Without a chunk it has no bytes, and nothing says of what type they are.
  if (isChunk(first) && !contentType) {
    const error = failure(
      'INVALID_OUTPUT',
      `${nameOf(call)} answers with chunks of JSON, which are no bytes. Read them with stream, or take its output with invoke.`,
    );
    stream.fail(error);
    throw error;
  }
  const { chunks, output } = readStream(stream, invocationId, {
    chunk: ({ data }) => data,
    output: (msg) => readOutput(call, msg).value,
  });
  return new Answer({
    invocationId,
    contentType: contentType || bytesContentType,
    sizeBytes: undefined,
    pieces: chunks,
    output: () => output,
    cancel: () => stream.fail(cancelled(call)),
  });
}

function wholeAnswer(call: StreamCall, msg: Msg, invocationId: string): Answer {
  const contentType = msg.headers?.get(headerNames.contentType) || jsonContentType;
  return new Answer({
    invocationId,
    contentType,
    sizeBytes: msg.data.length,
    pieces: pieceOf(msg.data),
    output: async () => (isJsonContentType(contentType) ? readGiven(call, msg).value : undefined),
    cancel: () => undefined,
  });
}
