import { BkgError } from './protocol/errors.ts';
import type { BkgErrorOptions, ErrorCode } from './protocol/errors.ts';

/**
 * The failure of what is refused before anything is done for it, thousands of times a second when there is too much: where that
 * is said everybody knows, and to write down the stack takes three times as long as all the rest.
 */
export function refusal(code: ErrorCode, detail: string, options?: BkgErrorOptions): BkgError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new BkgError(code, detail, options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
