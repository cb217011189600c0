import { isAscii } from 'node:buffer';
import type { Msg } from '@nats-io/nats-core';
import type { FastifyReply } from 'fastify';
import { bytesContentType, headerNames, jsonContentType, problemOfMsg, retryAfterOf } from '@bkg/sdk';
import { sendProblem } from '../http/problems.ts';
import { isHeaderText } from './content-type.ts';

const joinMostBytes = 16 * 1024;

/** Gives a plugin's reply to the client: body and content type as they are, or the problem that it says. */
export function sendPlain(reply: FastifyReply, msg: Msg): FastifyReply {
  const problem = problemOfMsg(msg);
  if (problem) {
    const retryAfterSecs = retryAfterOf(msg);
    if (retryAfterSecs !== undefined) reply.header(headerNames.retryAfter, retryAfterSecs);
    return sendProblem(reply, problem);
  }
  const contentType = msg.headers?.get(headerNames.contentType) || jsonContentType;
  return reply
    .code(200)
    .header('content-type', isHeaderText(contentType) ? contentType : bytesContentType)
    .send(msg.data);
}

/**
 * For routes that answer with bytes: Node sends a short text in one piece with its headers, and bytes in a second one. Not
 * before its type is settled, because to a text that is sent Fastify adds a charset.
 */
export function joinShort(
  _request: unknown,
  _reply: unknown,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  const isShort = Buffer.isBuffer(payload) && payload.length <= joinMostBytes && isAscii(payload);
  done(null, isShort ? payload.toString('latin1') : payload);
}
