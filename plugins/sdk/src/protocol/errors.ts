import { hideSecrets } from './secrets.ts';

/**
 * The one table of errors. Codes are never reused and never change their number.
 * `executed` says whether the handler may have run: a client repeats by itself only after "no",
 * or after "maybe" when the capability is idempotent.
 */
export const errorTable = {
  INVALID_PAYLOAD: { number: 400, retryable: false, executed: 'no', title: 'Invalid payload' },
  UNAUTHENTICATED: { number: 401, retryable: false, executed: 'no', title: 'Not authenticated' },
  FORBIDDEN: { number: 403, retryable: false, executed: 'no', title: 'Forbidden' },
  PLUGIN_NOT_FOUND: { number: 404, retryable: false, executed: 'no', title: 'Plugin not found' },
  CAPABILITY_NOT_FOUND: { number: 404, retryable: false, executed: 'no', title: 'Capability not found' },
  CONFLICT: { number: 409, retryable: false, executed: 'no', title: 'Conflict' },
  PAYLOAD_TOO_LARGE: { number: 413, retryable: false, executed: 'no', title: 'Payload too large' },
  RATE_LIMITED: { number: 429, retryable: true, executed: 'no', title: 'Rate limited' },
  BUSY: { number: 429, retryable: true, executed: 'no', title: 'Busy' },
  CANCELLED: { number: 499, retryable: false, executed: 'maybe', title: 'Cancelled' },
  INTERNAL: { number: 500, retryable: false, executed: 'maybe', title: 'Internal error' },
  INVALID_OUTPUT: { number: 500, retryable: false, executed: 'yes', title: 'Invalid output' },
  PLUGIN_CRASHED: { number: 502, retryable: true, executed: 'maybe', title: 'Plugin crashed' },
  PLUGIN_UNAVAILABLE: { number: 503, retryable: true, executed: 'no', title: 'Plugin unavailable' },
  DEADLINE_EXCEEDED: { number: 504, retryable: false, executed: 'maybe', title: 'Deadline exceeded' },
  PLUGIN_OUT_OF_MEMORY: { number: 507, retryable: false, executed: 'maybe', title: 'Plugin out of memory' },
} as const satisfies Record<string, ErrorEntry>;

export interface ErrorEntry {
  number: number;
  retryable: boolean;
  executed: 'no' | 'maybe' | 'yes';
  title: string;
}

export type ErrorCode = keyof typeof errorTable;

/** Of the table; undefined for a code that a plugin has declared, whatever that is called. */
export function errorEntryOf(code: string): ErrorEntry | undefined {
  return Object.hasOwn(errorTable, code) ? errorTable[code as ErrorCode] : undefined;
}

/** A failure of a plugin's own, declared under `errors` of its definition. */
export interface DeclaredError {
  /** The HTTP-like class of the failure. */
  number: DeclaredErrorNumber;
  retryable: boolean;
  description: string;
}

export const declaredErrorNumbers = [400, 404, 409, 422, 429, 500, 503, 507] as const;
export type DeclaredErrorNumber = (typeof declaredErrorNumbers)[number];

/** One place of a payload that is wrong. `path` is a JSON pointer (RFC 6901), "" for the whole payload. */
export interface PayloadError {
  path: string;
  message: string;
}

/** The body of a failed reply and of a failed HTTP response (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  retryable: boolean;
  errors?: PayloadError[];
}

export interface BkgErrorOptions extends ErrorOptions {
  errors?: PayloadError[];
  /** How long to wait before it is tried again. It travels beside the problem, as a header. */
  retryAfterSecs?: number;
}

/** A failure with a code of the table, or one that arrived from a plugin with a code of its own. */
export class BkgError extends Error {
  override name = 'BkgError';
  readonly problem: Problem;
  /** How long to wait before it is tried again, in whole seconds, where that is known. */
  readonly retryAfterSecs: number | undefined;

  constructor(code: ErrorCode, detail: string, options: BkgErrorOptions = {}) {
    super(hideSecrets(detail), options);
    this.problem = problemOf(code, errorTable[code], detail, options.errors);
    this.retryAfterSecs = options.retryAfterSecs;
  }

  get code(): string {
    return this.problem.code;
  }

  /** Rebuilds the error that a peer sent as a problem object. */
  static from(problem: Problem): BkgError {
    const error = new BkgError('INTERNAL', problem.detail);
    Object.assign(error.problem, sentProblem(problem));
    return error;
  }
}

/**
 * What a handler throws to fail with a code of its own. The runtime looks number and retryable up in the
 * plugin's declared `errors`; an undeclared code becomes INTERNAL.
 */
export class PluginError extends Error {
  override name = 'PluginError';
  readonly code: string;
  readonly errors: PayloadError[] | undefined;

  /** @param detail shown to the caller as it is: nothing secret goes in. */
  constructor(code: string, detail: string, options: BkgErrorOptions = {}) {
    super(detail, options);
    this.code = code;
    this.errors = options.errors;
  }
}

const codeMostLength = 128;
/** What a plugin declares. */
export const errorCodePattern = new RegExp(`^[A-Z0-9_]{1,${codeMostLength}}$`);
const detailMostLength = 16_384;
const errorsMost = 20;
const textMostLength = 512;

/**
 * The problem object of a failure. The title of a declared error is its code in words. It quotes what somebody sent,
 * and is an answer that must fit into a message itself: texts that are too long are cut, and secrets are not repeated.
 */
export function problemOf(
  code: string,
  entry: { number: number; retryable: boolean; title?: string },
  detail: string,
  errors?: PayloadError[],
): Problem {
  return {
    type: `urn:bkg:error:${code.toLowerCase()}`,
    title: cut(entry.title ?? titleOf(code), textMostLength),
    status: entry.number,
    detail: cut(detail, detailMostLength),
    code,
    retryable: entry.retryable,
    ...(Array.isArray(errors) && { errors: errors.slice(0, errorsMost).map(cutError) }),
  };
}

/** The problem object of a code of the table. */
export function problemOfCode(
  code: ErrorCode,
  detail: string,
  title: string = errorTable[code].title,
): Problem {
  return problemOf(code, { ...errorTable[code], title }, detail);
}

function cutError(error: PayloadError): PayloadError {
  // A peer may have sent anything in its place.
  const { path, message } = Object(error) as PayloadError;
  return { path: cut(String(path), textMostLength), message: cut(String(message), textMostLength) };
}

function cut(given: string, mostLength: number): string {
  const text = hideSecrets(given);
  return text.length > mostLength ? `${text.slice(0, mostLength - 1)}…` : text;
}

function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What a peer sent as a problem object, as one: only what `isProblem` looks at is sure to be there, and the rest may be anything. */
export function sentProblem({ code, status, title, detail, retryable, errors }: Problem): Problem {
  const words = typeof title === 'string' ? { title } : {};
  return problemOf(code, { number: status, retryable: retryable === true, ...words }, detail, errors);
}

/** True when a peer's JSON is a problem object that can be passed on, as `sentProblem` makes it. */
export function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false;
  const { code, status, detail } = value as Record<string, unknown>;
  return isCode(code) && isFailureStatus(status) && typeof detail === 'string';
}

/** A problem that calls itself a success, or has no HTTP status at all, could not be passed on over HTTP. */
function isFailureStatus(status: unknown): boolean {
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599;
}

function isCode(code: unknown): boolean {
  return typeof code === 'string' && code !== '' && code.length <= codeMostLength;
}
