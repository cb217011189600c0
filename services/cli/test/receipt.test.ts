import { describe, expect, it } from 'vitest';
import { rolloutDetails, rolloutLines, rolloutSaid } from '../src/receipt.ts';
import { rollout } from './rollout.ts';

describe('a receipt', () => {
  it('is a line: the versions, what came, and what became of the invocations', () => {
    expect(rolloutSaid(rollout())).toEqual({
      mark: '✓',
      text: '1.0.0 → 1.1.0, 2 new instances, 340 invocations answered, 1 failed, 0 lost',
    });
  });

  it('names no versions where they are the same, and says what is not known', () => {
    const restart = rollout({
      verb: 'restart',
      to: '1.0.0',
      instances: [{ instance: 'c', version: '1.0.0' }],
      invocations: { answered: 1, failed: 0, lost: null },
    });
    expect(rolloutSaid(restart).text).toBe(
      '1 new instance, 1 invocation answered, 0 failed, how many were lost is not known',
    );
  });

  it('says how long a plugin with a single writer took no invocations', () => {
    expect(rolloutSaid(rollout({ paused_ms: 320 })).text).toContain(
      '2 new instances, paused for 320 ms, 340 ',
    );
  });

  it('says how far it is, and why it failed, in one line', () => {
    expect(rolloutSaid(rollout({ state: 'running', step: 'testing' }))).toEqual({
      mark: '…',
      text: '1.0.0 → 1.1.0, testing',
    });
    expect(rolloutSaid(rollout({ state: 'failed', error: 'not ready\nlast line: \u001b[2J' }))).toEqual({
      mark: '✗',
      text: '1.0.0 → 1.1.0, failed: not ready · last line: \\u001b[2J',
    });
  });

  it('has a line below it for each instance, and for what callers notice', () => {
    const contract = {
      breaks: [
        { rule: 'input_required' as const, capability: 'infer', path: '/text', detail: 'is required now' },
        { rule: 'capability_gone' as const, capability: 'train', path: '', detail: 'is gone' },
      ],
      unknown: [{ capability: 'infer', path: '/n', detail: 'has another pattern' }],
    };
    expect(rolloutDetails(rollout({ contract }))).toEqual([
      '      c  1.1.0, ready in 812 ms, self-test in 35 ms, for a, drained in 1.2 s',
      '      d  1.1.0, ready in 790 ms, for b',
      '      callers will notice, by the rules of a contract:',
      '        infer /text  is required now',
      '        train  is gone',
      '      callers may notice:',
      '        infer /n  has another pattern',
    ]);
  });
});

describe('the last rollout on the page of a plugin', () => {
  const later = Date.parse('2026-11-24T08:03:00.000Z');

  it('says who did what, when, and what became of it', () => {
    expect(rolloutLines(rollout({ why: 'faster' }), later)).toEqual([
      '  swap 1.0.0 → 1.1.0 by ada, 3 min ago, in 5.1 s, 2 new instances, 340 invocations answered, 1 failed, 0 lost',
      '  why: faster',
    ]);
  });

  it('says how far one is that goes on, and why one failed', () => {
    expect(rolloutLines(rollout({ state: 'running', step: 'draining' }), later)).toEqual([
      '  swap 1.0.0 → 1.1.0 by ada, for 3 min: draining',
    ]);
    expect(rolloutLines(rollout({ state: 'failed', error: 'one\ntwo' }), later)).toEqual([
      '  swap 1.0.0 → 1.1.0 by ada, 3 min ago, failed',
      '  one',
      '  two',
    ]);
  });
});
