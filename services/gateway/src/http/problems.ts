import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError, headerNames, problemContentType, problemOfCode } from '@bkg/sdk';
import type { Logger, Problem } from '@bkg/sdk';
import { asHttp, codeOfStatus, httpStatus } from './http-status.ts';
import { shownPath } from './shown-path.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Hear of each failure of a request before it is answered, and may add headers. */
    problemListeners: ((error: Error, request: FastifyRequest, reply: FastifyReply) => void)[];
  }
}

/** Every failure of every route becomes a problem object here (RFC 9457). */
export const problems = fp<{ log: Logger }>(
  async (app, { log }) => {
    app.decorate('problemListeners', []);
    app.setErrorHandler((error: FastifyError, request, reply) => {
      const problem = problemOfHttp(error);
      if (problem.code === 'INTERNAL' && !(error instanceof BkgError)) {
        log.error(
          { error, method: request.method, path: shownPath(request.url) },
          'a request failed in the gateway',
        );
      }
      if (error instanceof BkgError && error.retryAfterSecs !== undefined)
        reply.header(headerNames.retryAfter, error.retryAfterSecs);
      // A stream that was cut short has nothing left to say it with.
      if (reply.raw.headersSent) reply.raw.destroy();
      else {
        for (const listener of app.problemListeners) listener(error, request, reply);
        sendProblem(reply, problem);
      }
    });
  },
  { name: 'problems' },
);

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(httpStatus(problem.status))
    .header('content-type', problemContentType)
    .header('cache-control', 'no-store')
    .send(encodeProblem(problem));
}

function encodeProblem(problem: Problem): Buffer {
  return Buffer.from(JSON.stringify(asHttp(problem)));
}

/** Fastify's own words where they do not say what to do. */
const details: Record<string, string> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'The Content-Type is no media type; say what the body is, for JSON with "Content-Type: application/json".',
};

/** What a failure tells the client. Only what bkg and Fastify say themselves is passed on: other texts may hold secrets. */
export function problemOfHttp(error: FastifyError): Problem {
  if (error instanceof BkgError) return error.problem;
  const { statusCode = 500 } = error;
  // Said of a path that leads out of the dashboard's folder: there is nothing, and nobody to be let in.
  if (statusCode === 403) {
    return problemOfCode('CAPABILITY_NOT_FOUND', 'There is no such file here.');
  }
  const code = statusCode >= 400 && statusCode < 500 ? codeOfStatus(statusCode) : 'INTERNAL';
  const known = details[error.code] ?? `${error.message.replace(/\.$/, '')}.`;
  const detail = code === 'INTERNAL' ? 'The gateway failed; its log says why.' : known;
  return problemOfCode(code, detail);
}

/** As Node's own handler of such errors knows it. */
type AnsweringSocket = Socket & { _httpMessage?: ServerResponse | null };

/** For a client to take its refusal. */
const partingMs = 1_000;

const faults: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'The request did not arrive completely in time.',
  HPE_HEADER_OVERFLOW: 'The headers are too large; at most 16 KiB are taken.',
};

/** What Node's parser refused never becomes a request: the answer is written by hand. */
export function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  // The client has left.
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  // What is written now would stand in the middle of what it is being answered.
  if ((socket as AnsweringSocket)._httpMessage?.headersSent) return void socket.destroy();
  const detail = faults[error.code ?? ''] ?? 'This is not a valid HTTP/1.1 request.';
  const body = encodeProblem(problemOfCode('INVALID_PAYLOAD', detail));
  const head = [
    'HTTP/1.1 400 Bad Request',
    `Content-Type: ${problemContentType}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
  // Node looks after it no more, and its client may never close it.
  const late = setTimeout(() => socket.destroy(), partingMs).unref();
  socket.once('close', () => clearTimeout(late));
}
