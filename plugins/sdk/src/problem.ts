import type { Msg, Payload } from '@nats-io/nats-core';
import type { Connection } from './connection.ts';
import { parseJson } from './json.ts';
import { BkgError, isProblem, problemOfCode, sentProblem } from './protocol/errors.ts';
import type { ErrorCode, Problem } from './protocol/errors.ts';
import { problemContentType } from './protocol/content-type.ts';
import { headerNames } from './protocol/headers.ts';

const headerTextMost = 200;
const shortDetailMost = 200;

/** The problem object a failed reply carries, or undefined for a success. The headers decide, not the body. */
export function problemOfMsg(msg: Msg): Problem | undefined {
  const number = msg.headers?.get(headerNames.errorCode);
  if (!number) return undefined;
  const body = bodyOf(msg);
  if (isProblem(body)) return sentProblem(body);
  // A plugin without the SDK: ADR-32's two headers are all it says.
  const status = /^[45]\d\d$/.test(number) ? Number(number) : 500;
  const detail = msg.headers?.get(headerNames.error) || 'The plugin failed and did not say why.';
  return { ...problemOfCode(codeOfNumber(status), detail), status };
}

/** How long the sender of a failed reply says to wait, in whole seconds; undefined when it says nothing, or no such thing. */
export function retryAfterOf(msg: Msg): number | undefined {
  const text = msg.headers?.get(headerNames.retryAfter) ?? '';
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** The body and headers of a failed reply. @param retryAfterSecs when it may be tried again, in whole seconds */
export function problemReply(
  problem: Problem,
  retryAfterSecs?: number,
): { data: Payload; headers: Record<string, string> } {
  return {
    data: JSON.stringify(problem),
    headers: {
      [headerNames.error]: oneLine(`${problem.code}: ${problem.detail}`),
      [headerNames.errorCode]: String(problem.status),
      [headerNames.contentType]: problemContentType,
      ...(retryAfterSecs !== undefined && { [headerNames.retryAfter]: String(retryAfterSecs) }),
    },
  };
}

/**
 * Answers a request with a failure, without its details when the broker takes no message of that size.
 * @returns false when the reply was dropped
 */
export function respondProblem(
  connection: Pick<Connection, 'respond'>,
  msg: Msg,
  problem: Problem,
  retryAfterSecs?: number,
): boolean {
  const whole = problemReply(problem, retryAfterSecs);
  try {
    return connection.respond(msg, whole.data, whole.headers);
  } catch (error) {
    if (!(error instanceof BkgError)) throw error;
    const { errors: _, detail, ...rest } = problem;
    const short = problemReply({ ...rest, detail: detail.slice(0, shortDetailMost) }, retryAfterSecs);
    return connection.respond(msg, short.data, short.headers);
  }
}

/** What a failure tells the caller. Anything but a BkgError stays in the log: its text may hold secrets. */
export function problemOfError(error: unknown, detail = 'It failed; the log says why.'): Problem {
  return error instanceof BkgError ? error.problem : problemOfCode('INTERNAL', detail);
}

/** @throws BkgError INVALID_PAYLOAD for what is not JSON, or not UTF-8 */
export function decodeJson(data: Uint8Array): unknown {
  try {
    return parseJson(data);
  } catch (error) {
    const given =
      data.length === 0 ? 'The payload is empty' : `The payload is not JSON (${(error as Error).message})`;
    throw new BkgError('INVALID_PAYLOAD', `${given}. Send a JSON value, {} when there is nothing to say.`, {
      cause: error,
      errors: [{ path: '', message: 'is not JSON' }],
    });
  }
}

function bodyOf(msg: Msg): unknown {
  try {
    return msg.json();
  } catch {
    // Somebody else's body: the headers are enough.
    return undefined;
  }
}

/** The code of the table for a number that came without one. */
function codeOfNumber(status: number): ErrorCode {
  const codes: Partial<Record<number, ErrorCode>> = {
    400: 'INVALID_PAYLOAD',
    401: 'UNAUTHENTICATED',
    403: 'FORBIDDEN',
    404: 'CAPABILITY_NOT_FOUND',
    409: 'CONFLICT',
    413: 'PAYLOAD_TOO_LARGE',
    429: 'BUSY',
    503: 'PLUGIN_UNAVAILABLE',
    504: 'DEADLINE_EXCEEDED',
  };
  return codes[status] ?? 'INTERNAL';
}

/** ADR-4: header values are one line of ASCII. */
function oneLine(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, headerTextMost);
}
