import { BkgError, type Problem } from '@bkg/sdk/protocol';
import { refusals } from './access/refusals.ts';

export type Fetch = typeof globalThis.fetch;

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as it is, with content type application/json. */
  body?: string;
  signal?: AbortSignal;
  /** From sending to the last byte of the answer. */
  timeoutMs: number;
  fetch?: Fetch;
}

export interface Reply {
  ok: boolean;
  status: number;
  contentType: string;
  text: string;
  headers: Headers;
}

/** The gateway answered, and the answer is a failure. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** No answer arrived: nothing is known about whether the request was carried out. */
export class UnreachableError extends Error {
  override name = 'UnreachableError';
}

/** Nothing was sent: why, a sentence. */
export class NotSentError extends Error {
  override name = 'NotSentError';
}

/**
 * One HTTP exchange under a deadline, whatever its status.
 * @throws UnreachableError when no complete answer arrives in time; the signal's reason when the caller aborts.
 */
export async function request(path: string, options: RequestOptions): Promise<Reply> {
  const { method = 'GET', body, signal, timeoutMs, fetch = globalThis.fetch } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(path, {
      method,
      ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      cache: 'no-store',
    });
    refusals.look(path, response);
    return {
      ok: response.ok,
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      text: await response.text(),
      headers: response.headers,
    };
  } catch (error) {
    if (signal?.aborted) throw error;
    const why = deadline.aborted
      ? `The gateway did not answer within ${timeoutMs / 1_000} s.`
      : 'The gateway cannot be reached.';
    throw new UnreachableError(why, { cause: error });
  }
}

/**
 * The JSON of a successful answer.
 * @throws ProblemError for any other answer, besides what `request` throws.
 */
export async function requestJson<T>(path: string, options: RequestOptions): Promise<T> {
  const reply = await request(path, options);
  if (!reply.ok) throw new ProblemError(problemOfReply(reply));
  try {
    return JSON.parse(reply.text) as T;
  } catch {
    throw new ProblemError(
      foreignProblem(
        reply.status,
        `The answer to ${path} is no JSON (${reply.contentType || 'no content type'}).`,
      ),
    );
  }
}

/**
 * An exchange whose answer has nothing to say but that it is done.
 * @throws ProblemError for any other answer, besides what `request` throws.
 */
export async function requestDone(path: string, options: RequestOptions): Promise<void> {
  const reply = await request(path, options);
  if (!reply.ok) throw new ProblemError(problemOfReply(reply));
}

/** The problem object of a failed reply; one is made up from what there is when a proxy answered instead of bkg. */
export function problemOfReply(reply: Pick<Reply, 'status' | 'contentType' | 'text'>): Problem {
  if (reply.contentType.includes('json')) {
    try {
      const body = JSON.parse(reply.text) as Partial<Problem> | null;
      if (body && typeof body.detail === 'string' && typeof body.code === 'string') {
        return { ...foreignProblem(reply.status, body.detail), ...body };
      }
    } catch {
      // Not what it says it is: shown as the text it is, below.
    }
  }
  const start = reply.text.trim().slice(0, 500);
  return foreignProblem(reply.status, start || 'The answer has no body.');
}

function foreignProblem(status: number, detail: string): Problem {
  return {
    type: 'about:blank',
    title: `HTTP ${status}`,
    status,
    detail,
    code: `HTTP_${status}`,
    retryable: false,
  };
}

/** The gateway is not there: why, as a problem that can be shown. */
export function unreached(detail: string): Problem {
  return { type: 'about:blank', title: 'No answer', status: 0, detail, code: 'NO_ANSWER', retryable: true };
}

/** Any failure as a problem that can be shown. */
export function problemOfError(error: unknown): Problem {
  if (error instanceof ProblemError || error instanceof BkgError) return error.problem;
  const problem = unreached(error instanceof Error ? error.message : String(error));
  return error instanceof UnreachableError ? problem : { ...problem, title: 'The dashboard failed' };
}

/** Nobody knows whether it was carried out: no answer came, or none in time. */
export function isOutcomeUnknown({ code }: Problem): boolean {
  return code === 'NO_ANSWER' || code === 'DEADLINE_EXCEEDED';
}
