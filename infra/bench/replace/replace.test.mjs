import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { idOf } from './invocation.ts';
import { judge, unexcused } from './judge.ts';

const run = 'a'.repeat(24);
const [first, second] = [
  { instance: 'first', version: '1.0.0' },
  { instance: 'second', version: '1.1.0' },
];

/**
 * Ten invocations, one each 100 ms from 1,000 on and answered after 50 ms; from the sixth on by the second instance, to
 * which a swap from 1,400 to 1,480 has led.
 */
function evidence(change = () => undefined) {
  const seqs = Array.from({ length: 10 }, (_, seq) => seq);
  const times = (afterMs) => Float64Array.from(seqs.map((seq) => 1_000 + seq * 100 + afterMs));
  const lines = (ofWhom) =>
    seqs.filter((seq) => seq < 5 === ofWhom).map((seq) => `${idOf(run, seq)} ${1_000 + seq * 100}`);
  const rollout = {
    verb: 'swap',
    state: 'done',
    from: '1.0.0',
    to: '1.1.0',
    started_at: new Date(1_400).toISOString(),
    duration_ms: 80,
    instances: [{ ...second, self_test_ms: 10, replaced: 'first' }],
    invocations: { answered: 1, failed: 0, lost: 0 },
  };
  const whole = {
    plan: { id: 'steady', isPlain: false, isSingleWriter: false },
    load: {
      run,
      dueAt: times(0),
      sentAt: times(0),
      endedAt: times(50),
      replies: new Uint8Array(10).fill(1),
      answeredBy: Uint16Array.from(seqs.map((seq) => (seq < 5 ? 1 : 2))),
      answerers: [{ instance: '', version: '' }, first, second],
      failures: new Map(),
    },
    starts: new Map([
      ['first', lines(true)],
      ['second', ['a-self-test 1420', ...lines(false)]],
    ]),
    orders: [{ verb: 'swap', version: '1.1.0', orderedAt: 1_399, answeredAt: 1_481, rollout }],
    phases: [{ name: 'steady', from: 1_000, to: 2_000 }],
    statuses: [],
  };
  change(whole);
  return whole;
}

const flawsOf = (change) => judge(evidence(change)).flaws.map(({ kind, seq }) => `${seq} ${kind}`);

describe('the judge', () => {
  it('finds nothing where nothing is wrong', () => {
    const verdict = judge(evidence());
    expect(verdict).toMatchObject({ sent: 10, answered: 10, others: 1, flaws: [], orderFlaws: [] });
    expect(verdict.phases[0]).toMatchObject({ path: 'http', sent: 5, answered: 5, p50: 50, longestGap: 200 });
    expect(verdict.orders).toMatchObject([{ verb: 'swap', done: 1, counted: 1, medianMs: 80 }]);
  });

  it.each([
    [
      'a lost one',
      '3 no answer',
      ({ load }) => ((load.replies[3] = 0), (load.endedAt[3] = NaN), (load.answeredBy[3] = 0)),
    ],
    ['a second reply', '3 answered more than once', ({ load }) => (load.replies[3] = 2)],
    [
      'a second start',
      '3 started more than once',
      ({ starts }) => starts.get('second').push(`${idOf(run, 3)} 1310`),
    ],
    ['a start that was not noted', '3 never started', ({ starts }) => starts.get('first').splice(3, 1)],
    [
      'one that could not be sent',
      '3 not sent: too many were under way',
      ({ load }) => (load.sentAt[3] = NaN),
    ],
    [
      'a failure',
      '3 failed',
      ({ load }) => (load.failures.set(3, '500 INTERNAL: no'), (load.answeredBy[3] = 0)),
    ],
    ['a stranger', '3 answered by another instance than started it', ({ load }) => (load.answeredBy[3] = 2)],
    [
      'an old instance that goes on',
      '7 answered by an instance that had been replaced',
      ({ load, starts }) => {
        load.answeredBy[7] = 1;
        starts.get('first').push(`${idOf(run, 7)} 1700`);
        starts.get('second').splice(3, 1);
      },
    ],
  ])('finds %s', (_what, flaw, change) => {
    expect(flawsOf(change)).toContain(flaw);
  });

  it('excuses what a single_writer refuses, if nobody has started it, and not to those who came through the gateway', () => {
    const refuse = (seq) => (whole) => {
      whole.plan.isSingleWriter = true;
      whole.load.failures.set(seq, 'no responders');
      whole.load.answeredBy[seq] = 0;
    };
    const isExcused = (change) => unexcused(judge(evidence(change)), { isSingleWriter: true }).length === 0;
    const unstarted = (seq) => (whole) => (refuse(seq)(whole), whole.starts.get('first').splice(seq, 1));
    expect([unstarted(3), unstarted(2), refuse(3)].map(isExcused)).toEqual([true, false, false]);
  });

  it.each([
    ['lost', { lost: 1 }, 'lost'],
    ['failed', { failed: 1 }, 'failed'],
    ['miscounted', { answered: 9 }, '9 answered; its callers counted 0 to 4'],
  ])('finds a receipt that says %s', (_what, invocations, words) => {
    const change = ({ orders }) => Object.assign(orders[0].rollout.invocations, invocations);
    expect(judge(evidence(change)).orderFlaws).toEqual([expect.stringContaining(words)]);
  });

  it('finds an order without a receipt', () => {
    const change = ({ orders }) => {
      delete orders[0].rollout;
      orders[0].problem = 'answered 502 PLUGIN_CRASHED: no';
    };
    expect(judge(evidence(change)).orderFlaws).toEqual([
      'swap 1 to 1.1.0 was answered 502 PLUGIN_CRASHED: no',
    ]);
  });
});

it(
  'loses nothing and does nothing twice while plugins are replaced on a real mesh',
  { timeout: 90_000 },
  async () => {
    const program = path.join(import.meta.dirname, 'prove.ts');
    const { code, text, result } = await runToLastLine(program, ['--short', '--only', 'steady,writer']);
    // With what it shows of each loss.
    expect(code, text).toBe(0);
    const { ok, results } = result;
    const [steady, writer] = results;
    expect(steady).toMatchObject({
      flaws: {},
      orderFlaws: [],
      orders: [
        { verb: 'swap', orders: 4, done: 4, receipts: { failed: 0, lost: 0 } },
        { verb: 'restart', orders: 2, done: 2, receipts: { failed: 0, lost: 0 } },
      ],
    });
    expect(steady.answered).toBe(steady.sent);
    expect(steady.sent).toBeGreaterThan(800);
    expect(writer).toMatchObject({ isExact: true, orderFlaws: [], orders: [{ orders: 1, done: 1 }] });
    expect(ok).toBe(true);
  },
);
