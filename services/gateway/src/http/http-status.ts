import { declaredErrorNumbers, errorTable } from '@bkg/sdk/protocol';
import type { ErrorCode, Problem } from '@bkg/sdk/protocol';

const entries = Object.entries(errorTable) as [ErrorCode, (typeof errorTable)[ErrorCode]][];
const passed = new Set<number>([...entries.map(([, { number }]) => number), ...declaredErrorNumbers]);

/**
 * The HTTP status of an error number: the number itself, when the table or a plugin's declared errors may have it.
 * A plugin without the SDK may answer with any other, and there are some that browsers act upon by themselves (they
 * send again after 408, 421 and 425, ask for a password after 407): those become 400 or 500.
 */
export function httpStatus(number: number): number {
  if (passed.has(number)) return number;
  return number >= 400 && number < 500 ? 400 : 500;
}

/** A problem with the number that it has as an HTTP status. */
export function asHttp(problem: Problem): Problem {
  return { ...problem, status: httpStatus(problem.status) };
}

/** The code for a failure of the HTTP layer, which knows only a status. */
export function codeOfStatus(status: number): ErrorCode {
  // A route that does not exist is something bkg cannot do, not a plugin it does not have.
  if (status === 404 || status === 405) return 'CAPABILITY_NOT_FOUND';
  const [code] = entries.find(([, { number }]) => number === status) ?? [];
  return code ?? (status >= 400 && status < 500 ? 'INVALID_PAYLOAD' : 'INTERNAL');
}
