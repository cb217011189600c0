import { BkgError } from '@bkg/sdk';
import type { Attempt } from './attempt.ts';

/** The reason of an abort by the gateway itself. */
export const stopping = new Error('the gateway is stopping');

/** Why an invocation has no answer, or none to its end, in the words for its caller. */
export function explain({ call, timeoutMs, controller, running }: Attempt, error: unknown): unknown {
  const { pluginId, capability } = call;
  if (!(error instanceof BkgError)) return error;
  if (error.code === 'DEADLINE_EXCEEDED') {
    const detail = `${capability} of ${pluginId} did not answer within ${timeoutMs} ms.`;
    return new BkgError('DEADLINE_EXCEEDED', detail);
  }
  if (error.code !== 'CANCELLED') return running.explain(error);
  const { reason } = controller.signal;
  if (reason instanceof BkgError) return reason;
  const why = reason === stopping ? 'was cut off: the gateway is stopping' : 'was cancelled by its caller';
  return new BkgError('CANCELLED', `The invocation of ${capability} ${why}.`);
}
