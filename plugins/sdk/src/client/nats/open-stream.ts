import type { Msg } from '@nats-io/nats-core';
import type { BrokerAttempt, BrokerCalls } from '../../broker-calls.ts';
import type { BrokerStream, StreamAttempt, StreamCall } from '../../broker-stream.ts';
import { isJsonContentType } from '../../protocol/content-type.ts';
import { headerNames } from '../../protocol/headers.ts';
import { NoRespondersError } from '../../request-failures.ts';
import type { Chunk } from '../../stream/chunk-reader.ts';
import type { OpenedStream } from '../client-stream.ts';
import { failure } from '../failure.ts';
import { explain } from '../invoke.ts';
import type { Call, Target } from '../invoke.ts';
import { failureIn, readGiven, readOutput } from './output.ts';

/** One try of which something has come that is no failure. */
export interface Begun {
  stream: BrokerStream;
  first: Msg;
}

/** One try for a single reply, which may be a failure. @throws BkgError */
export async function ask(calls: BrokerCalls, call: Call, attempt: BrokerAttempt): Promise<Msg> {
  try {
    return await calls.send(call, attempt);
  } catch (error) {
    throw error instanceof NoRespondersError ? nobody(call, error) : error;
  }
}

/** @throws BkgError when it fails before its first chunk */
export async function begin(calls: BrokerCalls, call: StreamCall, attempt: StreamAttempt): Promise<Begun> {
  try {
    const stream = calls.stream(call, attempt);
    const first = await stream.first;
    const error = failureIn(first);
    if (!error) return { stream, first };
    stream.fail(error);
    throw error;
  } catch (error) {
    throw error instanceof NoRespondersError ? nobody(call, error) : error;
  }
}

/** A stream whose chunks are JSON, once its first message is here. @throws BkgError when it fails before its first chunk */
export async function openJsonStream(
  calls: BrokerCalls,
  call: StreamCall,
  attempt: StreamAttempt,
): Promise<OpenedStream<unknown, unknown>> {
  const { stream, first } = await begin(calls, call, attempt);
  const { invocationId } = attempt;
  const contentType = first.headers?.get(headerNames.contentType);
  if (isChunk(first) && !isJsonContentType(contentType)) {
    const error = failure(
      'INVALID_OUTPUT',
      `${nameOf(call)} answers with ${contentType}. Take it with fetch.`,
    );
    stream.fail(error);
    throw error;
  }
  return readStream(stream, invocationId, {
    chunk: (chunk) => readGiven(call, chunk).value,
    output: (msg) => readOutput(call, msg).value,
  });
}

/** Whether a message is a part of an answer, and not its end. */
export function isChunk({ headers }: Msg): boolean {
  return Boolean(headers?.get(headerNames.seq)) && !headers?.get(headerNames.end);
}

/** What comes, as `read` reads it. What that throws ends the stream. */
export function readStream<T>(
  stream: BrokerStream,
  invocationId: string,
  read: { chunk: (chunk: Chunk) => T; output: (msg: Msg) => unknown },
): OpenedStream<T, unknown> {
  const output = stream.last.then(read.output).catch((error: unknown) => {
    throw explain(error, invocationId);
  });
  // Who reads sees it there.
  output.catch(() => undefined);
  const readChunk = (chunk: Chunk): T => {
    try {
      return read.chunk(chunk);
    } catch (error) {
      stream.fail(error as Error);
      throw error;
    }
  };
  async function* chunks(): AsyncGenerator<T, void, void> {
    try {
      for await (const chunk of stream) yield readChunk(chunk);
    } catch (error) {
      await output;
      // It was complete already.
      throw explain(error, invocationId);
    }
    await output;
  }
  return { chunks: chunks(), output };
}

function nobody({ plugin, capability }: Omit<Target, 'options'>, cause: Error): Error {
  return failure(
    'PLUGIN_UNAVAILABLE',
    `Nobody answers for ${capability} of ${plugin}: it does not run, or has no such capability.`,
    { cause },
  );
}

export function nameOf({ plugin, capability }: Omit<Target, 'options'>): string {
  return `${capability} of ${plugin}`;
}
