import { BkgError } from '../protocol/errors.ts';
import { timeoutMostMs } from '../protocol/headers.ts';
import type { InvokeOptions } from './client.ts';
import { errorOf, InvocationError } from './errors.ts';
import { failure } from './failure.ts';
import { newInvocationId } from './invocation-id.ts';
import type { RetryPolicy } from './retry.ts';
import { wait } from './wait.ts';

/** What is to be invoked, and how. */
export interface Target {
  plugin: string;
  capability: string;
  options: InvokeOptions;
}

/** The same with a payload that is JSON. */
export interface Call extends Target {
  json: string;
}

/** One try of a call. */
export interface Attempt {
  /** From 1. */
  number: number;
  invocationId: string;
  /** What is left for the answer. */
  timeoutMs: number;
  /**
   * Whether it may be sent once more as it is, because of this loss of its instance: once in a call that is idempotent.
   * It counts as a try; no budget is asked, because an instance dies only once.
   */
  mayResend: (loss: BkgError) => boolean;
}

/**
 * Carries out one try and gives what came.
 * @throws BkgError; by the time it throws, the plugin has been told to give up what nobody waits for any more
 */
export type Send<Reply, Of extends Target = Call> = (call: Of, attempt: Attempt) => Promise<Reply>;

const timeoutMsDefault = 30_000;

/** Tries a call until it succeeds, fails for good, or its time is over. @throws InvocationError */
export async function invokeWithRetries<Reply, Of extends Target>(
  call: Of,
  policy: RetryPolicy,
  send: Send<Reply, Of>,
): Promise<{ invocationId: string; reply: Reply }> {
  const { plugin, capability, options } = call;
  const { signal, idempotent = false, maxAttempts = policy.maxAttempts } = options;
  let { invocationId = newInvocationId() } = options;
  const deadlineAt = performance.now() + timeoutMsOf(options);
  const leftMs = (): number => Math.ceil(deadlineAt - performance.now());
  let number = 1;
  let isResent = false;
  // Of a try that may have run: a later one that has not does not change that.
  let unsure: InvocationError | undefined;
  const mayResend = (loss: BkgError): boolean => {
    if (isResent || !idempotent || number >= maxAttempts) return false;
    isResent = true;
    const error = explain(loss, invocationId);
    policy.onRetry?.({ plugin, capability, invocationId, attempt: number, error, delayMs: 0 });
    number += 1;
    return true;
  };
  policy.begin();
  for (; ; number += 1) {
    if (signal?.aborted) throw explain(cancelled(call), invocationId);
    try {
      const timeoutMs = Math.max(1, leftMs());
      return { invocationId, reply: await send(call, { number, invocationId, timeoutMs, mayResend }) };
    } catch (cause) {
      const error = explain(cause, invocationId);
      const delayMs = policy.delayMs(error, { attempt: number, maxAttempts, idempotent, leftMs: leftMs() });
      if (delayMs === undefined) throw error.executed === 'no' ? (unsure ?? error) : error;
      if (error.executed !== 'no') unsure = error;
      policy.onRetry?.({ plugin, capability, invocationId, attempt: number, error, delayMs });
      await wait(delayMs, signal, policy.ending);
      // The first may still run, and its instance would refuse a second one with its id.
      if (error.executed !== 'no') invocationId = newInvocationId();
    }
  }
}

export function cancelled({ capability, plugin, options }: Target): InvocationError {
  const cause: unknown = options.signal?.reason;
  return failure('CANCELLED', `The invocation of ${capability} of ${plugin} was cancelled.`, { cause });
}

export function late(
  { capability, plugin }: Omit<Target, 'options'>,
  { timeoutMs }: Pick<Attempt, 'timeoutMs'>,
): InvocationError {
  return failure('DEADLINE_EXCEEDED', `${capability} of ${plugin} did not answer within ${timeoutMs} ms.`);
}

export function closed(): InvocationError {
  return failure('CANCELLED', 'The client was closed.');
}

/** What somebody threw, as the error of this invocation. @throws what nobody foresaw, as it is */
export function explain(error: unknown, invocationId: string): InvocationError {
  if (error instanceof InvocationError) return Object.assign(error, { invocationId });
  // Nobody foresaw it: it is the caller's to see as it is.
  if (!(error instanceof BkgError)) throw error;
  const { problem, retryAfterSecs } = error;
  return errorOf(problem, { cause: error, invocationId, ...(retryAfterSecs && { retryAfterSecs }) });
}

function timeoutMsOf({ timeoutMs = timeoutMsDefault }: InvokeOptions): number {
  if (timeoutMs > 0 && timeoutMs <= timeoutMostMs) return Math.ceil(timeoutMs);
  throw failure(
    'INVALID_PAYLOAD',
    `timeoutMs is ${timeoutMs}; it takes a number of milliseconds above 0 and at most ${timeoutMostMs}.`,
  );
}
