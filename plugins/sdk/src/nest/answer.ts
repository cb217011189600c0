import { isObservable, lastValueFrom, take, toArray } from 'rxjs';
import { BkgError } from '../protocol/errors.ts';

/**
 * The one value that a Nest handler answers with, as plain JSON; null when there is none, as nothing is no JSON.
 *
 * An Observable is waited for to its end. When the invocation ends early nobody unsubscribes: behind an interceptor the
 * handler would go on unseen, and give its place among the concurrent ones away. It hears of it by its signal.
 * @throws BkgError INVALID_OUTPUT for a second value: silently dropping the others would be worse
 */
export async function answerOf(capability: string, handled: Promise<unknown>): Promise<unknown> {
  const result = await handled;
  if (!isObservable(result)) return toPlain(result);
  const values = await lastValueFrom(result.pipe(take(2), toArray()));
  if (values.length > 1) {
    throw new BkgError(
      'INVALID_OUTPUT',
      `${capability} answered with an Observable of several values, and an invocation has one answer: end it with last() or toArray().`,
    );
  }
  return toPlain(values[0]);
}

/** Output schemas speak of the JSON: of the text that becomes of a Date, not of the Date. */
export function toPlain(value: unknown): unknown {
  if (value === undefined) return null;
  // Bytes go out as they are; where JSON was promised they do not fit.
  if (value instanceof Uint8Array) return value;
  return isPlain(value) ? value : (JSON.parse(JSON.stringify(value) ?? 'null') as unknown);
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'object': {
      if (value === null) return true;
      if (Array.isArray(value)) return value.every(isPlain);
      const isRecord = Object.getPrototypeOf(value) === Object.prototype && !('toJSON' in value);
      return isRecord && Object.values(value).every(isPlain);
    }
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    default:
      return false;
  }
}
