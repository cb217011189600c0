import { errorTable, isProblem } from '@bkg/sdk/protocol';
import type { ErrorCode } from '@bkg/sdk/protocol';

/** What became of an invocation: `ok`, the code of a failure that is as it has to be, or what is wrong with it, in words. */
export type Outcome = string;

export const ok = 'ok';

export function notAsPromised(what: string): Outcome {
  return `not as promised: ${what}`;
}

export function noAnswer(error: unknown): Outcome {
  return `no answer: ${error instanceof Error ? error.message : String(error)}`;
}

/** Of a success. @param sent the text that has to be said again */
export function outcomeOfOutput(output: unknown, sent: string): Outcome {
  const { text } = (output ?? {}) as { text?: unknown };
  return text === sent ? ok : notAsPromised('the answer of somebody else');
}

/**
 * Of a failure.
 * @param value what was sent as a problem
 * @param status that stood beside it, if anything did
 * @param saysWhen whether it says how long to wait, in the way that this caller is told
 */
export function outcomeOfProblem(value: unknown, status: number | undefined, saysWhen: boolean): Outcome {
  if (!isProblem(value)) return notAsPromised(`${status ?? 'a failure'} without a problem`);
  const { code, retryable } = value;
  const entry = errorTable[code as ErrorCode];
  if (value.status !== entry?.number || (status ?? entry.number) !== entry.number)
    return notAsPromised(`${code} with ${status ?? value.status}`);
  if (retryable !== entry.retryable) return notAsPromised(`${code} that is retryable: ${retryable}`);
  if (code === 'RATE_LIMITED' && !saysWhen) return notAsPromised(`${code} without how long to wait`);
  return code;
}
