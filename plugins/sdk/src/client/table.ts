import { errorTable, problemOf } from '../protocol/errors.ts';
import type { ErrorCode, ErrorEntry, Problem } from '../protocol/errors.ts';

/** Of the table; undefined for a code that a plugin has declared, whatever that is called. */
export function entryOf(code: string): ErrorEntry | undefined {
  return Object.hasOwn(errorTable, code) ? errorTable[code as ErrorCode] : undefined;
}

export function problemOfCode(
  code: ErrorCode,
  detail: string,
  title: string = errorTable[code].title,
): Problem {
  return problemOf(code, { ...errorTable[code], title }, detail);
}
