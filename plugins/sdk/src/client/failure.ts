import { problemOfCode } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { errorClasses } from './errors.ts';
import type { InvocationError, InvocationErrorOptions } from './errors.ts';

/** A failure that the client itself finds. */
export function failure(code: ErrorCode, detail: string, options?: InvocationErrorOptions): InvocationError {
  return new errorClasses[code](problemOfCode(code, detail), options);
}
