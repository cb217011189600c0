import { errorEntryOf } from '../protocol/errors.ts';
import { OfflineError } from './errors.ts';
import type { InvocationError } from './errors.ts';
import { RetryBudget } from './retry-budget.ts';
import type { RetryBudgetOptions } from './retry-budget.ts';

export interface RetryOptions {
  /** How often an invocation is tried at most, the first time included; 1 never repeats. @default 4 */
  maxAttempts?: number;
  /** The longest wait before the second try; it doubles with each. @default 100 */
  firstMs?: number;
  /** @default 2000 */
  mostMs?: number;
  /** Over all invocations of the client. */
  budget?: RetryBudgetOptions;
  /** Told before each wait. */
  onRetry?: (retry: Retry) => void;
}

/** One repetition. */
export interface Retry {
  plugin: string;
  capability: string;
  /** Of the try that has failed. */
  invocationId: string;
  /** Its number, from 1. */
  attempt: number;
  error: InvocationError;
  /** Until the next try. */
  delayMs: number;
}

/**
 * Whether the error table lets a client repeat by itself: what is retryable, and has not run or may run twice. The peer
 * has a say only in keeping it from that; in a declared error it has the only one, and its handler has run.
 */
export function mayRepeat(error: InvocationError, idempotent: boolean): boolean {
  const isRetryable = error.retryable && (errorEntryOf(error.code)?.retryable ?? true);
  if (!isRetryable || error instanceof OfflineError) return false;
  return error.executed === 'no' || (error.executed === 'maybe' && idempotent);
}

/** A random wait of up to the full one ("full jitter"): those that have failed together do not come back together. */
export function fullJitterMs(attempt: number, firstMs: number, mostMs: number, random = Math.random): number {
  return random() * Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
}

/** What one client does about failures. */
export class RetryPolicy {
  readonly maxAttempts: number;
  readonly onRetry: ((retry: Retry) => void) | undefined;
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #budget: RetryBudget;
  readonly #ending = new AbortController();

  constructor({ maxAttempts = 4, firstMs = 100, mostMs = 2_000, budget, onRetry }: RetryOptions = {}) {
    this.maxAttempts = maxAttempts;
    this.onRetry = onRetry;
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#budget = new RetryBudget(budget);
  }

  /** Aborts when the client is closed: nobody waits for a next try any more. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  close(): void {
    this.#ending.abort();
  }

  /** To be told of each invocation. */
  begin(): void {
    this.#budget.earn();
  }

  /**
   * The wait until the next try, or undefined when there is none: not allowed, not in time, or the budget is spent. It is
   * no shorter than who refused it has said.
   */
  delayMs(
    error: InvocationError,
    {
      attempt,
      maxAttempts,
      idempotent,
      leftMs,
    }: { attempt: number; maxAttempts: number; idempotent: boolean; leftMs: number },
  ): number | undefined {
    if (attempt >= maxAttempts || !mayRepeat(error, idempotent)) return undefined;
    const delayMs = (error.retryAfterSecs ?? 0) * 1_000 + fullJitterMs(attempt, this.#firstMs, this.#mostMs);
    // Asked last, because it takes.
    return delayMs < leftMs && this.#budget.take() ? delayMs : undefined;
  }
}
