import type { Rollout } from '@bkg/sdk/protocol';

/** The receipt of a swap of two instances, as it went well. */
export function rollout(changes: Partial<Rollout> = {}): Rollout {
  return {
    verb: 'swap',
    state: 'done',
    by: 'ada',
    why: '',
    from: '1.0.0',
    to: '1.1.0',
    started_at: '2026-11-24T08:00:00.000Z',
    duration_ms: 5_100,
    instances: [
      { instance: 'c', version: '1.1.0', ready_ms: 812, self_test_ms: 35, replaced: 'a', drain_ms: 1_200 },
      { instance: 'd', version: '1.1.0', ready_ms: 790, replaced: 'b' },
    ],
    invocations: { answered: 340, failed: 1, lost: 0 },
    contract: { breaks: [], unknown: [] },
    ...changes,
  };
}
