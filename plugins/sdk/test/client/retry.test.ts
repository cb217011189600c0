import { describe, expect, it } from 'vitest';
import { errorClasses, errorOf, OfflineError } from '../../src/client/errors.ts';
import { failure } from '../../src/client/failure.ts';
import { invokeWithRetries } from '../../src/client/invoke.ts';
import type { Attempt, Call } from '../../src/client/invoke.ts';
import { RetryBudget } from '../../src/client/retry-budget.ts';
import { fullJitterMs, mayRepeat, RetryPolicy } from '../../src/client/retry.ts';
import type { Retry, RetryOptions } from '../../src/client/retry.ts';
import { errorTable, problemOf } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { timeoutMostMs } from '../../src/protocol/headers.ts';

const codes = Object.keys(errorTable) as ErrorCode[];
const call: Call = { plugin: 'echo', capability: 'text.say', json: '{}', options: {} };

describe('a failure may be repeated', () => {
  it('exactly when the table says so', () => {
    const repeated = (idempotent: boolean) =>
      codes.filter((code) => mayRepeat(failure(code, ''), idempotent));
    expect(repeated(false)).toEqual(['RATE_LIMITED', 'BUSY', 'PLUGIN_UNAVAILABLE']);
    expect(repeated(true)).toEqual(['RATE_LIMITED', 'BUSY', 'PLUGIN_CRASHED', 'PLUGIN_UNAVAILABLE']);
  });

  it('not because a peer says so, but not when a peer says no', () => {
    const said = (code: ErrorCode, retryable: boolean) =>
      mayRepeat(errorOf({ ...problemOf(code, errorTable[code], ''), retryable }), true);
    expect(codes.filter((code) => said(code, true))).toEqual(
      codes.filter((code) => mayRepeat(failure(code, ''), true)),
    );
    expect(codes.filter((code) => said(code, false))).toEqual([]);
  });

  it('when a plugin declares it so and running twice does no harm: its handler has run', () => {
    const tired = (retryable: boolean) => errorOf(problemOf('ECHO_TIRED', { number: 503, retryable }, ''));
    expect(mayRepeat(tired(true), true)).toBe(true);
    expect(mayRepeat(tired(true), false)).toBe(false);
    expect(mayRepeat(tired(false), true)).toBe(false);
  });

  it('not while there is no connection: it fails at once', () => {
    expect(mayRepeat(new OfflineError(''), true)).toBe(false);
  });
});

describe('the wait before a repetition', () => {
  it('is anything up to a limit that doubles and ends somewhere', () => {
    const most = [1, 2, 3, 4, 5, 6, 2_000].map((attempt) => fullJitterMs(attempt, 100, 2_000, () => 1));
    expect(most).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
    expect(fullJitterMs(3, 100, 2_000, () => 0)).toBe(0);
    const waits = Array.from({ length: 1_000 }, () => fullJitterMs(4, 100, 2_000));
    expect(Math.max(...waits)).toBeLessThan(800);
    expect(Math.min(...waits)).toBeLessThan(80);
  });
});

describe('who refuses an invocation and says how long', () => {
  const limited = (retryAfterSecs: number) => failure('RATE_LIMITED', 'used up', { retryAfterSecs });
  const asked = { attempt: 1, maxAttempts: 4, idempotent: false };

  it('is asked again no earlier, and those that it has refused together do not come together', () => {
    const policy = new RetryPolicy({ budget: { reserve: 1_000 } });
    const waits = Array.from(
      { length: 100 },
      () => policy.delayMs(limited(2), { ...asked, leftMs: 9_000 }) ?? 0,
    );
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...waits)).toBeLessThan(2_100);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });

  it('is not asked again when the time is over by then, and that costs nothing of the budget', () => {
    const policy = new RetryPolicy({ budget: { reserve: 1, ratio: 0 } });
    for (const secs of [2, 999_999_999])
      expect(policy.delayMs(limited(secs), { ...asked, leftMs: 2_000 })).toBeUndefined();
    expect(policy.delayMs(limited(1), { ...asked, leftMs: 2_000 })).toBeGreaterThanOrEqual(1_000);
  });
});

describe('the budget of repetitions', () => {
  it('is a small reserve and a tenth of the calls', () => {
    const budget = new RetryBudget({}, () => 0);
    const takeAll = (): number => {
      let taken = 0;
      while (budget.take()) taken += 1;
      return taken;
    };
    expect(takeAll()).toBe(10);
    for (let i = 0; i < 305; i += 1) budget.earn();
    expect(takeAll()).toBe(30);
    // Of what was earned long ago only so much is kept.
    for (let i = 0; i < 100_000; i += 1) budget.earn();
    expect(takeAll()).toBe(100);
  });

  it('gets its reserve back within half a minute, and no more than that', () => {
    let now = 0;
    const budget = new RetryBudget({ reserve: 4, ratio: 0 }, () => now);
    const takeAll = (): number => {
      let taken = 0;
      while (budget.take()) taken += 1;
      return taken;
    };
    expect(takeAll()).toBe(4);
    now += 15_000;
    expect(takeAll()).toBe(2);
    now += 3_600_000;
    expect(takeAll()).toBe(4);
  });

  it('bounds the load when everything fails', async () => {
    const policy = new RetryPolicy({ firstMs: 0 });
    let tries = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 500 }, () =>
        invokeWithRetries(call, policy, async () => {
          tries += 1;
          throw failure('BUSY', 'all places are taken');
        }),
      ),
    );
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(500);
    expect(tries).toBeLessThanOrEqual(500 + 10 + 50);
    expect(tries).toBeGreaterThan(520);
  });
});

describe('a call that is tried', () => {
  /** Fails in these ways one after the other, then succeeds. */
  async function run(failures: Error[], options: Call['options'] = {}, retry: RetryOptions = {}) {
    const attempts: Attempt[] = [];
    const retries: Retry[] = [];
    const policy = new RetryPolicy({ firstMs: 1, onRetry: (one) => retries.push(one), ...retry });
    const left = [...failures];
    const outcome = await invokeWithRetries({ ...call, options }, policy, async (_, attempt) => {
      attempts.push(attempt);
      const next = left.shift();
      if (next) throw next;
      return 'done';
    }).catch((error: unknown) => error);
    return { attempts, retries, outcome, ids: attempts.map(({ invocationId }) => invocationId) };
  }

  it('keeps its id when the first has not run, and says so of each repetition', async () => {
    const busy = failure('BUSY', 'all places are taken');
    const { outcome, ids, retries } = await run([busy, busy]);
    expect(outcome).toMatchObject({ reply: 'done', invocationId: ids[0] });
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(1);
    expect(retries).toMatchObject([
      { plugin: 'echo', capability: 'text.say', attempt: 1, error: busy, invocationId: ids[0] },
      { attempt: 2 },
    ]);
  });

  it('gets another id when the first may still run', async () => {
    const { outcome, ids } = await run([failure('PLUGIN_CRASHED', '')], {
      idempotent: true,
      invocationId: 'mine',
    });
    expect(ids).toEqual(['mine', expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(outcome).toMatchObject({ invocationId: ids[1] });
  });

  it('fails with the last error when it has been tried often enough', async () => {
    const busy = Array.from({ length: 9 }, (_, i) => failure('BUSY', `${i}`));
    expect((await run(busy)).outcome).toMatchObject({ code: 'BUSY', message: '3' });
    expect((await run(busy, { maxAttempts: 1 })).outcome).toMatchObject({ message: '0' });
    expect((await run(busy, {}, { maxAttempts: 2 })).outcome).toMatchObject({ message: '1' });
  });

  it('may have run when one of its tries may have, whatever became of the last', async () => {
    const crashed = failure('PLUGIN_CRASHED', 'the first');
    const away = failure('PLUGIN_UNAVAILABLE', 'nobody there');
    const { outcome } = await run([crashed, away, away, away], { idempotent: true });
    expect(outcome).toMatchObject({ message: 'the first', executed: 'maybe' });
    const harmless = await run([away, away, crashed, crashed], { idempotent: true });
    expect(harmless.outcome).toMatchObject({ executed: 'maybe' });
  });

  it('is given what is left of its time, and does not wait beyond it', async () => {
    const busy = failure('BUSY', '');
    const { attempts } = await run([busy, busy], { timeoutMs: 5_000 }, { firstMs: 40 });
    expect(attempts[0]!.timeoutMs).toBeLessThanOrEqual(5_000);
    expect(attempts[2]!.timeoutMs).toBeLessThan(attempts[0]!.timeoutMs);
    const before = performance.now();
    const slow = await run(
      Array.from({ length: 9 }, () => busy),
      { timeoutMs: 50, maxAttempts: 9 },
      { firstMs: 100_000, mostMs: 100_000 },
    );
    expect(slow.outcome).toBe(busy);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it('ends its wait when the caller gives up', async () => {
    const controller = new AbortController();
    const reason = new Error('no more');
    const policy = new RetryPolicy({
      firstMs: 60_000,
      mostMs: 60_000,
      onRetry: () => controller.abort(reason),
    });
    let tries = 0;
    const outcome = invokeWithRetries(
      { ...call, options: { signal: controller.signal, timeoutMs: 90_000 } },
      policy,
      () => {
        tries += 1;
        throw failure('BUSY', '');
      },
    );
    await expect(outcome).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
    expect(tries).toBe(1);
  });

  it('is not tried at all when its options cannot be', async () => {
    for (const options of [{ timeoutMs: 0 }, { timeoutMs: NaN }, { timeoutMs: 1e9 }, { timeoutMs: -1 }]) {
      const { outcome, attempts } = await run([], options);
      expect(outcome).toBeInstanceOf(errorClasses.INVALID_PAYLOAD);
      expect(attempts).toEqual([]);
    }
    const [longest] = (await run([], { timeoutMs: timeoutMostMs })).attempts;
    expect(longest?.timeoutMs).toBeLessThanOrEqual(timeoutMostMs);
    expect(longest?.timeoutMs).toBeGreaterThan(timeoutMostMs - 5_000);
    const { outcome, attempts } = await run([], { signal: AbortSignal.abort() });
    expect(outcome).toBeInstanceOf(errorClasses.CANCELLED);
    expect(attempts).toEqual([]);
  });

  it('passes on what nobody foresaw as it is', async () => {
    const bug = new TypeError('a bug');
    expect((await run([bug])).outcome).toBe(bug);
  });
});
