import { isAscii } from 'node:buffer';
import type { Msg } from '@nats-io/nats-core';
import type { FastifyReply } from 'fastify';
import { bytesContentType, headerNames, jsonContentType, problemContentType, problemOfMsg } from '@bkg/sdk';
import { httpStatus } from '../http/http-status.ts';
import { sendProblem } from '../http/problems.ts';
import { isHeaderText } from './content-type.ts';

const joinMostBytes = 16 * 1024;

/** Gives a plugin's reply to the client: body and content type as they are, the status from the error headers. */
export function sendPlain(reply: FastifyReply, msg: Msg): FastifyReply {
  const contentType = msg.headers?.get(headerNames.contentType) || jsonContentType;
  const problem = problemOfMsg(msg);
  const status = problem ? httpStatus(problem.status) : 200;
  const retryAfter = problem && msg.headers?.get(headerNames.retryAfter);
  // It may be any text of a plugin without the SDK.
  if (retryAfter && /^\d{1,9}$/.test(retryAfter)) reply.header(headerNames.retryAfter, retryAfter);
  // A plugin without the SDK says no more than a number and a line: the problem object is made of these.
  if (problem && (contentType !== problemContentType || status !== problem.status)) {
    return sendProblem(reply, problem);
  }
  return reply
    .code(status)
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
