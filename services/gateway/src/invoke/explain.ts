import { BkgError } from '@bkg/sdk';
import type { Attempt } from './attempt.ts';

type Named = Pick<Attempt['call'], 'pluginId' | 'capability'>;

/** The reason of an abort by the gateway itself. */
export const stopping = new Error('the gateway is stopping');
/** The same by somebody who has given its id. */
export const cancelled = new Error('somebody has cancelled it');

/** Why an invocation has no answer, or none to its end, in the words for its caller. */
export function explain({ call, timeoutMs, controller, running }: Attempt, error: unknown): unknown {
  if (!(error instanceof BkgError)) return error;
  if (error.code === 'DEADLINE_EXCEEDED') return late(call, timeoutMs);
  if (error.code !== 'CANCELLED') return running.explain(error);
  return endedBy(call, controller.signal.reason);
}

/** @param reason of the abort that has ended it */
export function endedBy({ capability }: Named, reason: unknown): BkgError {
  if (reason instanceof BkgError) return reason;
  const why = reason === stopping ? 'was cut off: the gateway is stopping' : 'was cancelled by its caller';
  return new BkgError('CANCELLED', `The invocation of ${capability} ${why}.`);
}

/** @param timeoutMs that it was given */
export function late({ pluginId, capability }: Named, timeoutMs: number): BkgError {
  return new BkgError(
    'DEADLINE_EXCEEDED',
    `${capability} of ${pluginId} did not answer within ${timeoutMs} ms.`,
  );
}
