import type { Msg } from '@nats-io/nats-core';
import type { FastifyReply } from 'fastify';
import {
  BkgError,
  bytesContentType,
  headerNames,
  isContentType,
  isJsonContentType,
  problemOfCode,
  problemOfError,
  problemOfMsg,
  shortToken,
} from '@bkg/sdk';
import type { Chunk, Logger } from '@bkg/sdk';
import { asHttp } from '../http/http-status.ts';
import { Outlet } from '../http/outlet.ts';
import type { Call } from './call.ts';
import { chunkEvent, errorEvent, eventStreamType, keepAliveComment, resultEvent } from './event-stream.ts';
import { sendPlain } from './plain-answer.ts';
import type { StreamedCall } from './streamed-call.ts';

export interface StreamedAnswerOptions {
  log: Logger;
  call: Call;
  /** Chunks that are JSON are wanted as server-sent events. */
  wantsEvents: boolean;
  /** Of chunks that are bytes, as the registry has it. */
  chunkType: string | undefined;
  /** Between two comments while nothing else comes. @default 15000 */
  keepAliveMs?: number | undefined;
  /** As an `Outlet` has it. */
  restMs?: number | undefined;
}

const eventHeaders = { 'cache-control': 'no-store', 'x-accel-buffering': 'no' };

/**
 * Gives the client an answer that may come as chunks: as server-sent events when they are JSON, as one body when they are
 * bytes. What fails before the first is a problem with its status.
 * @throws BkgError when there is no answer
 */
export async function sendStreamed(
  reply: FastifyReply,
  streamed: StreamedCall,
  options: StreamedAnswerOptions,
): Promise<FastifyReply> {
  try {
    const first = await streamed.first;
    const isWhole = isLast(first);
    if (isWhole && problemOfMsg(first)) return sendPlain(reply, first);
    const contentType = first.headers?.get(headerNames.contentType) || undefined;
    const areBytes = isWhole
      ? options.chunkType !== undefined && isEmptyStream(first)
      : options.chunkType !== undefined || !isJsonContentType(contentType);
    if (areBytes) await pipe(reply, streamed, options, contentType);
    else if (options.wantsEvents && isJsonContentType(contentType))
      await sendEvents(reply, streamed, options);
    else return sendPlain(reply, first);
    return reply;
  } finally {
    streamed.leave();
  }
}

/** @param contentType of the first chunk */
async function pipe(
  reply: FastifyReply,
  streamed: StreamedCall,
  { log, call, chunkType, restMs }: StreamedAnswerOptions,
  contentType: string | undefined,
): Promise<void> {
  const given = [contentType, chunkType].find((type) => type !== undefined && isContentType(type));
  const outlet = new Outlet(reply, {
    contentType: given ?? bytesContentType,
    complete: streamed.last,
    restMs,
  });
  let why: unknown;
  try {
    // An empty piece would end a chunked body.
    const isTaken = await writeAll(outlet, streamed, ({ data }) => (data.length > 0 ? data : undefined));
    const problem = problemOfMsg(await streamed.last);
    if (isTaken && !problem) return await outlet.end();
    why = problem?.code ?? tooSlow;
  } catch (error) {
    why = error instanceof BkgError ? error.code : error;
  }
  cutOff(outlet, log, call, why);
}

const tooSlow = 'the client is too slow';

/** The client has a part, and is to see that it is no more than that. */
function cutOff(outlet: Outlet, log: Logger, call: Call, why: unknown): void {
  if (outlet.hasLeft) return;
  const { pluginId: plugin, capability } = call;
  const invocation_id = shortToken(call.invocationId);
  log.warn({ plugin, capability, invocation_id, why }, 'an answer was cut off in its middle');
  outlet.cut();
}

/** @param textOf undefined: there is nothing to write. @returns false when the client has not taken all */
async function writeAll(
  outlet: Outlet,
  streamed: StreamedCall,
  textOf: (chunk: Chunk) => Uint8Array | string | undefined,
): Promise<boolean> {
  for await (const chunk of streamed) {
    const text = textOf(chunk);
    if (text !== undefined && !(await outlet.write(text))) return false;
  }
  return true;
}

async function sendEvents(
  reply: FastifyReply,
  streamed: StreamedCall,
  { log, call, keepAliveMs = 15_000, restMs }: StreamedAnswerOptions,
): Promise<void> {
  const outlet = new Outlet(reply, {
    contentType: eventStreamType,
    headers: eventHeaders,
    complete: streamed.last,
    restMs,
  });
  const keepAlive = setInterval(() => {
    if (!outlet.isFull) void outlet.write(keepAliveComment);
  }, keepAliveMs);
  let seq = -1;
  let end: string;
  try {
    const isTaken = await writeAll(outlet, streamed, ({ data }) => {
      keepAlive.refresh();
      seq += 1;
      return chunkEvent(seq, data);
    });
    const last = await streamed.last;
    // Whoever sees a result has seen all chunks.
    if (!isTaken) return cutOff(outlet, log, call, tooSlow);
    end = lastEvent(call, last);
  } catch (error) {
    if (!(error instanceof BkgError)) log.error({ error }, 'an invocation failed in the gateway');
    end = errorEvent(asHttp(problemOfError(error, 'The gateway failed; its log says why.')));
  } finally {
    clearInterval(keepAlive);
  }
  await outlet.end(end);
}

function lastEvent({ pluginId, capability }: Call, last: Msg): string {
  const problem = problemOfMsg(last);
  if (problem) return errorEvent(asHttp(problem));
  const contentType = last.headers?.get(headerNames.contentType) || undefined;
  if (isJsonContentType(contentType)) return resultEvent(last.data);
  const detail =
    `${capability} of ${pluginId} ended with "${contentType?.slice(0, 128)}", which is no JSON; ` +
    `without "Accept: ${eventStreamType}" it is handed over as it is.`;
  return errorEvent(problemOfCode('INVALID_OUTPUT', detail));
}

/** Whether a message is the last of its answer, or all of it. */
function isLast({ headers }: Msg): boolean {
  return !headers?.get(headerNames.seq) || isEmptyStream({ headers });
}

/** Of a first message: the end of a stream that has no chunks. */
function isEmptyStream({ headers }: Pick<Msg, 'headers'>): boolean {
  return Boolean(headers?.get(headerNames.seq) && headers.get(headerNames.end));
}
