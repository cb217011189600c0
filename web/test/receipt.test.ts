import { configDefaults, type PluginInfo, type Problem, type Rollout } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import {
  aftermathText,
  factsOf,
  instanceFacts,
  isChoice,
  isEndedByStop,
  rolloutTitle,
  stepText,
  summaryText,
  waitingCount,
} from '../src/lib/rollout/receipt.ts';
import { brokenContract, isReceipt, receiptOf } from '../src/lib/rollout/refusal.ts';
import { scaleHint } from '../src/lib/rollout/scale-hint.ts';

function rollout(part: Partial<Rollout> = {}): Rollout {
  return {
    verb: 'swap',
    state: 'done',
    by: 'dashboard',
    why: '',
    from: '1.0.0',
    to: '1.1.0',
    started_at: '2026-11-28T12:00:00.000Z',
    duration_ms: 3_210,
    instances: [{ instance: 'tally-b', version: '1.1.0', ready_ms: 812, replaced: 'tally-a', drain_ms: 40 }],
    invocations: { answered: 1_200, failed: 0, lost: 0 },
    contract: { breaks: [], unknown: [] },
    ...part,
  };
}

describe('the receipt of a rollout', () => {
  it('is called by what has become of it', () => {
    expect(rolloutTitle(rollout())).toBe('Swapped 1.0.0 → 1.1.0');
    expect(rolloutTitle(rollout({ state: 'failed' }))).toBe('Swap failed: 1.0.0 → 1.1.0');
    expect(rolloutTitle(rollout({ to: '1.0.0', state: 'running' }))).toBe('Redeploying 1.0.0');
    expect(rolloutTitle(rollout({ verb: 'restart', to: '1.0.0' }))).toBe('Restarted 1.0.0');
  });

  it('says what nobody could count', () => {
    const unknown = rollout({ invocations: { answered: 3, failed: 1, lost: null } });
    expect(factsOf(unknown)).toContainEqual({ name: 'Lost', value: 'not known', isBad: false });
    expect(factsOf(unknown)).toContainEqual({ name: 'With an error', value: '1', isBad: true });
    expect(summaryText(unknown, false)).toBe('took 3.21 s, losses not known');
    expect(summaryText(rollout(), true)).toBe('took 3.21 s, nothing lost');
    expect(summaryText(rollout({ invocations: { answered: 3, failed: 0, lost: 2 } }), true)).toBe(
      'took 3.21 s, 2 lost',
    );
  });

  it('has a pause only where there was one, and the places of its figures before it has ended', () => {
    const names = (one: Rollout) => factsOf(one).map(({ name }) => name);
    expect(names(rollout())).not.toContain('None answered for');
    expect(names(rollout({ paused_ms: 820 }))).toContain('None answered for');
    const running = rollout({ state: 'running' });
    expect(names(running)).toEqual(names(rollout()));
    expect(factsOf(running).map(({ value }) => value)).toEqual(['–', '–', '–', '–']);
  });

  it('knows no figure of a rollout whose supervisor was interrupted', () => {
    const interrupted = rollout({
      state: 'failed',
      instances: [],
      invocations: { answered: 0, failed: 0, lost: null },
    });
    expect(factsOf(interrupted).map(({ value }) => value)).toEqual([
      '3.21 s',
      'not known',
      'not known',
      'not known',
    ]);
  });

  it('claims no success for a version that was chosen while nothing ran', () => {
    const chosen = rollout({ instances: [] });
    expect(rolloutTitle(chosen)).toBe('Chosen for the next start: 1.0.0 → 1.1.0');
    expect(summaryText(chosen, false)).toBe('not tested yet');
    expect(summaryText(chosen, true)).toBe('it has started since');
    expect(factsOf(chosen)).toEqual([]);
    expect(isChoice(rollout({ verb: 'rollback', instances: [] }))).toBe(true);
    // Taken over by what runs, or of a failure.
    expect(isChoice(rollout({ verb: 'rollback', instances: [], to: '1.0.0' }))).toBe(false);
    expect(isChoice(rollout({ verb: 'configure', instances: [] }))).toBe(false);
    expect(isChoice(rollout({ state: 'failed', instances: [] }))).toBe(false);
  });

  it('calls no failure what somebody has stopped', () => {
    const stopped = rollout({
      state: 'failed',
      error: 'The order to swap tally was overtaken by one to stop it. Version 1.1.0 stays.',
    });
    expect(isEndedByStop(stopped)).toBe(true);
    expect(rolloutTitle(stopped)).toBe('Swap ended by the order to stop it: 1.0.0 → 1.1.0');
    expect(isEndedByStop(rollout({ state: 'failed', error: 'tally ended.' }))).toBe(false);
  });

  it('tells of each instance what is known of it', () => {
    expect(instanceFacts({ instance: 'a', version: '1' })).toEqual([]);
    expect(
      instanceFacts({
        instance: 'b',
        version: '1',
        ready_ms: 812,
        self_test_ms: 5,
        replaced: 'a',
        drain_ms: 40,
      }),
    ).toEqual(['ready in 812 ms', 'self-test 5.0 ms', 'replaced a, which ended in 40 ms']);
    expect(instanceFacts({ instance: 'b', version: '1', replaced: 'a' })).toEqual(['replaced a']);
  });

  it('says of a rollout that runs what it does, and how many are to come', () => {
    const running = rollout({ state: 'running', step: 'draining' });
    expect(stepText(running, true)).toBe('Ending tally-a: it finishes what it has taken.');
    expect(stepText(rollout({ state: 'running', step: 'starting', instances: [] }), true)).toMatch(
      /an instance of 1\.1\.0/,
    );
    const reverting = rollout({ state: 'running', step: 'reverting' });
    expect(stepText(reverting, true)).toBe('Taking everything back; 1.0.0 goes on.');
    expect(stepText(reverting, false)).toBe('Taking everything back.');
    expect(stepText(rollout(), true)).toBeUndefined();
    expect(waitingCount(running, 3)).toBe(2);
    expect(waitingCount(rollout(), 3)).toBe(0);
  });

  it('says after a failure what serves, which need not be what was before', () => {
    const failed = rollout({ state: 'failed' });
    expect(aftermathText(failed, '1.0.0')).toBe('Nothing has changed: 1.0.0 goes on serving.');
    expect(aftermathText(failed, '1.1.0')).toBe('1.1.0 serves now.');
    expect(aftermathText(failed, undefined)).toBe('Nothing runs now.');
    // A redeploy has the same version before and after.
    expect(aftermathText(rollout({ to: '1.0.0' }), '1.0.0')).toBe('1.0.0 serves now.');
  });
});

describe('a refused order', () => {
  const conflict: Problem = {
    type: 'about:blank',
    title: 'Conflict',
    status: 409,
    code: 'CONFLICT',
    detail: 'It breaks the contract.',
    retryable: false,
    errors: [{ path: '/tally.count/input/required', message: '"unit" is required now' }],
  };
  const broken = { capability: 'tally.count', path: '/input', rule: 'input_required', detail: '…' } as const;

  it('can be forced when it breaks a contract, by the rules of its receipt', () => {
    const failed = rollout({ state: 'failed', contract: { breaks: [broken], unknown: [] } });
    expect(brokenContract(conflict, failed)).toEqual([broken]);
  });

  it('names the places of the answer as long as the receipt is not there', () => {
    expect(brokenContract(conflict, undefined)).toEqual([
      { capability: 'tally.count', path: '/input/required', detail: '"unit" is required now' },
    ]);
  });

  it('cannot be forced for any other reason', () => {
    const { errors: _, ...another } = conflict;
    expect(brokenContract(another, undefined)).toBeUndefined();
    expect(brokenContract({ ...conflict, status: 502, code: 'PLUGIN_CRASHED' }, undefined)).toBeUndefined();
  });

  it('has a receipt only as long as no other rollout came after it', () => {
    const failed = rollout({ state: 'failed' });
    const order = { verb: 'swap', version: '1.1.0' } as const;
    expect(receiptOf(order, failed)).toBe(failed);
    expect(receiptOf(order, rollout())).toBeUndefined();
    expect(receiptOf({ ...order, version: '2.0.0' }, failed)).toBeUndefined();
    expect(receiptOf({ verb: 'rollback' }, failed)).toBeUndefined();
  });

  it('is told within its receipt when it is one of the kind that is ordered there', () => {
    const failure = { order: { verb: 'swap', version: '1.1.0', why: '' }, problem: conflict } as const;
    const failed = rollout({ state: 'failed' });
    expect(isReceipt(failure, 'swap', failed)).toBe(true);
    expect(isReceipt(failure, 'rollback', failed)).toBe(false);
    expect(isReceipt(failure, 'swap', rollout())).toBe(false);
    expect(isReceipt(undefined, 'swap', failed)).toBe(false);
  });
});

describe('the words below the number of instances', () => {
  const plugin = (runs: number, part: Partial<PluginInfo> = {}) =>
    ({
      status: 'running',
      config: { ...configDefaults, replicas: 2 },
      instances: Array.from({ length: runs }, () => ({ managed: true, status: 'running' })),
      ...part,
    }) as PluginInfo;

  it('say what is under way', () => {
    expect(scaleHint(plugin(2), 4)).toBe('Starting 2…');
    expect(scaleHint(plugin(2), 1)).toBe('Ending 1…');
    expect(scaleHint(plugin(3, { rollout: rollout({ state: 'running' }) }), undefined)).toMatch(/replaced/);
  });

  it('say what is, and what should be', () => {
    expect(scaleHint(plugin(2), undefined)).toBe('As many as there should be.');
    expect(scaleHint(plugin(1), undefined)).toBe('1 run, 2 should.');
    expect(scaleHint(plugin(0, { status: 'stopped' }), undefined)).toBe(
      'Stopped; the next start brings 2 instances.',
    );
    const none = { ...configDefaults, id: 'tally', replicas: 0 };
    expect(scaleHint(plugin(0, { status: 'stopped', config: none }), undefined)).toBe(
      'No instances are wanted; + starts one.',
    );
    expect(scaleHint(plugin(0, { status: 'stopped', config: { ...none, enabled: false } }), undefined)).toBe(
      'Stopped, and no instances are wanted.',
    );
    expect(scaleHint(plugin(1, { single_writer: true }), undefined)).toMatch(/one instance at most/);
  });
});
