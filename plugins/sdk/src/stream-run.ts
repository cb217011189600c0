import type { Payload } from '@nats-io/nats-core';
import type { Connection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import { fairTurns } from './fair-turns.ts';
import type { Inbox } from './inbox.ts';
import type { Invocation } from './invocation.ts';
import { messageBytes } from './outgoing.ts';
import type { HeaderValues } from './outgoing.ts';
import { encodeValue, responseTypeOf } from './outgoing-value.ts';
import { BkgError } from './protocol/errors.ts';
import { headerNames } from './protocol/headers.ts';
import { chunkMostBytes } from './protocol/stream.ts';
import { windowBytesDefault } from './stream/chunk-reader.ts';
import { ChunkWriter } from './stream/chunk-writer.ts';
import { readFlow } from './stream/flow.ts';

export interface StreamRunOptions {
  endpoint: Endpoint;
  invocation: Invocation;
  connection: Connection;
  /** Where the receivers of streams say what they take. */
  flows: Inbox;
  /** Chunks that its caller takes before it gives credit; undefined when it wants the output alone. */
  window: number | undefined;
  /** How long a receiver may give no sign. @default creditPatienceMs */
  patienceMs?: number | undefined;
}

/** Smaller ones are not worth their message. */
const pieceLeastBytes = 16 * 1024;

/**
 * Runs what a handler yields to its end, each chunk when its receiver has room for it.
 *
 * When the invocation ends early the generator is told to return, and it has ended when that is done: one that is in the
 * middle of something else hears of it by its signal, or at its next `yield`.
 * @returns the output; `null` for a generator that returns nothing
 * @throws what the handler throws; the reason of the signal
 */
export async function runStream(handled: unknown, options: StreamRunOptions): Promise<unknown> {
  const { endpoint, invocation } = options;
  // A handler that is no generator may fail, too.
  if (handled instanceof Promise) handled.catch(() => undefined);
  const iterator = iteratorOf(endpoint.id, handled);
  const flow = openFlow(options);
  let returned: Promise<unknown> | undefined;
  const giveUp = (): void => {
    flow?.leave();
    returned ??= new Promise((resolve) => resolve(iterator.return?.()));
    // Seen below, which may be much later.
    returned.catch(() => undefined);
  };
  invocation.signal.addEventListener('abort', giveUp, { once: true });
  try {
    for (;;) {
      for (let pause = fairTurns.pause(); pause; pause = fairTurns.pause()) await pause;
      const step = await iterator.next();
      if (step.done) return step.value ?? null;
      invocation.signal.throwIfAborted();
      if (flow) await sendChunk(flow, options, step.value);
    }
  } finally {
    invocation.signal.removeEventListener('abort', giveUp);
    flow?.leave();
    await returned;
  }
}

interface OpenFlow {
  writer: ChunkWriter;
  /** Of bytes, at most. */
  pieceBytes: number;
  leave: () => void;
}

/** Its chunks go to the caller, who says on a subject of its own what it takes. Undefined when nobody wants them. */
function openFlow({
  invocation,
  connection,
  flows,
  window,
  patienceMs,
}: StreamRunOptions): OpenFlow | undefined {
  const { msg } = invocation;
  const to = msg.reply;
  if (window === undefined || !to) return undefined;
  const { reply, leave } = flows.open((sign) => {
    const said = readFlow(sign);
    if (said === 'gone')
      invocation.abort(new BkgError('CANCELLED', 'Nobody listens to the reply subject any more.'));
    else if (said === 'cancel')
      invocation.abort(new BkgError('CANCELLED', 'The receiver of the stream wants no more of it.'));
    else if (said) writer.give(said.credit);
  });
  const writer = new ChunkWriter({
    window,
    signal: invocation.signal,
    ...(patienceMs !== undefined && { patienceMs }),
    onSilence: (why) => invocation.abort(why),
    send: (data, headers, isLast) => {
      if (!isLast)
        connection.send(to, data, { headers, reply, onLost: () => invocation.abort(brokerLost()) });
      else if (!connection.respond(msg, data, headers)) invocation.log.error('the reply was lost');
    },
  });
  invocation.chunks = writer;
  return { writer, pieceBytes: messageBytes(pieceBytesFor(window), connection), leave };
}

/** What has been sent may not have arrived. */
export function brokerLost(): BkgError {
  return new BkgError('PLUGIN_CRASHED', 'The connection to the broker was lost in the middle of the stream.');
}

async function sendChunk(
  { writer, pieceBytes }: OpenFlow,
  { endpoint, invocation }: StreamRunOptions,
  value: unknown,
): Promise<void> {
  const { id, capability, validateChunk } = endpoint;
  const { chunk } = capability;
  if (chunk === undefined) return;
  try {
    const data = encodeValue(id, chunk, validateChunk, value);
    const contentType = writer.count === 0 ? responseTypeOf(id, chunk, invocation.contentType) : undefined;
    const headers: HeaderValues = { [headerNames.contentType]: contentType };
    for (const piece of piecesOf(data, pieceBytes))
      await writer.write(piece, writer.count === 0 ? headers : {});
  } catch (error) {
    if (invocation.signal.aborted) throw error;
    const said = ofChunk(id, error);
    if (!(error instanceof BkgError)) invocation.log.error({ error }, said.message);
    // The handler is not through, and nobody wants what else it has.
    invocation.abort(said);
    throw said;
  }
}

function ofChunk(id: string, error: unknown): BkgError {
  if (!(error instanceof BkgError))
    return new BkgError('INVALID_OUTPUT', `A chunk of ${id} is no JSON value.`);
  if (error.code !== 'PAYLOAD_TOO_LARGE') return error;
  // PAYLOAD_TOO_LARGE would say that nothing was executed.
  return new BkgError('INVALID_OUTPUT', `A chunk of ${id} cannot be handed out: ${error.message}`);
}

/**
 * Pieces of such a size that a window of them is what may be under way before the first credit, whatever the caller asks for: a
 * hundred of them that begin at once would otherwise be more than the broker holds for one connection.
 */
function pieceBytesFor(window: number): number {
  return Math.min(chunkMostBytes, Math.max(pieceLeastBytes, Math.floor(windowBytesDefault / window)));
}

function* piecesOf(data: Payload, pieceBytes: number): Generator<Payload, void, void> {
  // Also without any bytes: it says of what type they are.
  if (typeof data === 'string' || data.length === 0) yield data;
  else for (let at = 0; at < data.length; at += pieceBytes) yield data.subarray(at, at + pieceBytes);
}

function iteratorOf(id: string, handled: unknown): AsyncIterator<unknown, unknown> {
  const iterable = handled as Partial<AsyncIterable<unknown, unknown>> | undefined;
  const iterator = iterable?.[Symbol.asyncIterator]?.();
  if (iterator) return iterator;
  throw new TypeError(
    `${id} has chunks, and its handler gave none: it takes an async generator, async *handler().`,
  );
}
