import { isObservable, takeWhile } from 'rxjs';
import type { Observable } from 'rxjs';
import { BkgError } from '../protocol/errors.ts';

/** An Observable cannot be told to wait: so many of its values are kept for a slow receiver. */
const waitingMost = 1_024;

/**
 * What a Nest handler streams, as the runtime reads it: the values of an Observable, which has no output, or what an async
 * iterable yields and returns. It may be both when an interceptor was in between.
 * @throws BkgError INTERNAL for an Observable that is faster than its receiver
 */
export async function* chunksOf(
  capability: string,
  handled: Promise<unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown, unknown, void> {
  const result = await handled;
  if (isAsyncIterable(result)) return yield* result;
  if (!isObservable(result))
    throw new TypeError(
      `${capability} has chunks, and its handler gave none: it takes an Observable or an async generator.`,
    );
  let output: unknown = null;
  for await (const value of valuesOf(capability, result, signal)) {
    if (isAsyncIterable(value)) output = yield* value;
    else yield value;
  }
  return output;
}

/** The values as they come; unsubscribed from when nobody reads them any more. */
async function* valuesOf(
  capability: string,
  observable: Observable<unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, void> {
  // An Observable that comes too late may never give anything.
  signal.throwIfAborted();
  let waiting: unknown[] = [];
  let end: { error?: unknown } | undefined;
  let wake = Promise.withResolvers<void>();
  const finish = (how: { error?: unknown }): void => {
    end ??= how;
    wake.resolve();
  };
  const giveUp = (error: unknown): void => {
    waiting = [];
    finish({ error });
  };
  const abort = (): void => giveUp(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  // One that has all its values at once gives them before `subscribe` returns, and ends by nothing else.
  const subscription = observable.pipe(takeWhile(() => !end)).subscribe({
    next: (value) => {
      if (waiting.length >= waitingMost) return giveUp(tooFast(capability));
      waiting.push(value);
      wake.resolve();
    },
    error: (error: unknown) => finish({ error }),
    complete: () => finish({}),
  });
  try {
    for (;;) {
      if (waiting.length > 0) yield waiting.shift();
      else if (!end) {
        await wake.promise;
        wake = Promise.withResolvers();
      } else if ('error' in end) throw end.error;
      else return;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    subscription.unsubscribe();
  }
}

function tooFast(capability: string): BkgError {
  return new BkgError(
    'INTERNAL',
    `The Observable of ${capability} is too fast: ${waitingMost} values wait for their receiver, and it cannot be told to wait. Make it an async generator, or let it give fewer.`,
  );
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown, unknown, void> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
