import type { PluginInfo, Rollout } from '@bkg/sdk/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rollouts, type RolloutOrder } from '../src/lib/rollout/rollouts.svelte.ts';

const order: RolloutOrder = { verb: 'swap', version: '1.1.0', why: '' };

function receipt(part: Partial<Rollout>): Rollout {
  return {
    verb: 'swap',
    state: 'failed',
    to: '1.1.0',
    started_at: '2026-11-28T12:00:01.000Z',
    ...part,
  } as Rollout;
}

function answer(status: number, code: string, detail: string): Response {
  return Response.json({ status, code, detail }, { status });
}

describe('an order', () => {
  let rollout: Rollout | undefined;
  let rollouts: Rollouts;

  beforeEach(() => {
    vi.useFakeTimers();
    rollout = receipt({ state: 'done', started_at: '2026-11-28T12:00:00.000Z' });
    rollouts = new Rollouts({ find: () => ({ rollout }) as PluginInfo, onPlugin: () => undefined });
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  /** Nobody answers until the request is given up. */
  function stubSilence(): void {
    vi.stubGlobal(
      'fetch',
      (_path: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    );
  }

  it('has ended when its receipt has come, though nobody answers any more', async () => {
    stubSilence();
    const run = rollouts.run('tally', order);
    await vi.advanceTimersByTimeAsync(10_000);
    // That of the one before is none of it, nor is one that runs.
    expect(rollouts.pending('tally')).toBe(order);
    rollout = receipt({ state: 'running' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rollouts.pending('tally')).toBe(order);
    rollout = receipt({ error: 'The supervisor ended before it was done: it was taken back.' });
    await vi.advanceTimersByTimeAsync(4_000);
    await run;
    expect(rollouts.pending('tally')).toBeUndefined();
    expect(rollouts.failure('tally')).toBeUndefined();
  });

  it('fails with its answer, which tells more than the receipt', async () => {
    rollout = receipt({});
    vi.stubGlobal('fetch', () => Promise.resolve(answer(409, 'CONFLICT', 'It breaks the contract.')));
    await rollouts.run('tally', order);
    expect(rollouts.failure('tally')?.problem.detail).toBe('It breaks the contract.');
  });

  it('has not failed when somebody has stopped the plugin', async () => {
    const detail = 'The order to swap tally was overtaken by one to stop it.';
    vi.stubGlobal('fetch', () => Promise.resolve(answer(409, 'CONFLICT', detail)));
    await rollouts.run('tally', order);
    expect(rollouts.failure('tally')).toBeUndefined();
  });
});
