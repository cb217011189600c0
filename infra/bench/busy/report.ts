import { median, table } from '../figures.ts';
import type { Measured, Side } from './measure.ts';

/** In percent. */
const failedMost = 1;
/** Of the p99 of the plain queue group. */
const p99Most = 0.5;

export interface Result {
  side: Side;
  rounds: Measured[];
  /** Over all rounds. */
  sent: number;
  failed: number;
  failures: Record<string, number>;
  /** The middle ones of the rounds. */
  p50: number;
  p99: number;
  /** Of the same figure of the plain queue group, in the middle of the rounds. */
  ratio: { p50: number; p99: number };
}

export function resultOf(side: Side, rounds: Measured[], plain: readonly Measured[]): Result {
  const middle = (of: (one: Measured, i: number) => number): number => median(rounds.map(of));
  const failures: Record<string, number> = {};
  for (const one of rounds)
    for (const [status, count] of Object.entries(one.failures))
      failures[status] = (failures[status] ?? 0) + count;
  return {
    side,
    rounds,
    sent: rounds.reduce((sum, one) => sum + one.sent, 0),
    failed: rounds.reduce((sum, one) => sum + one.failed, 0),
    failures,
    p50: middle((one) => one.p50),
    p99: middle((one) => one.p99),
    ratio: {
      p50: middle((one, i) => one.p50 / (plain[i]?.p50 ?? NaN)),
      p99: middle((one, i) => one.p99 / (plain[i]?.p99 ?? NaN)),
    },
  };
}

/** What is not as it has to be, a sentence each. */
export function flawsOf(results: readonly Result[]): string[] {
  const second = results.find(({ side }) => side === 'second try');
  if (!second) return ['the second try was not measured'];
  const percent = (100 * second.failed) / second.sent;
  return [
    !(percent <= failedMost) &&
      `with a second try ${percent.toFixed(2)} % failed, and at most ${failedMost} % may`,
    !(second.ratio.p99 <= p99Most) &&
      `with a second try the p99 is ${second.ratio.p99.toFixed(2)} of that of the queue group, and may be ${p99Most}`,
  ].filter((flaw) => flaw !== false);
}

export function describe(results: readonly Result[]): string {
  const head = [
    'ms from when it was due',
    'sent',
    'failed',
    'failed %',
    'p50',
    'p99',
    'p50 ratio',
    'p99 ratio',
  ];
  const rows = results.map(({ side, sent, failed, failures, p50, p99, ratio }) => [
    side,
    String(sent),
    [failed, ...Object.entries(failures).map(([status, count]) => `${count} ${status}`)].join(', '),
    ((100 * failed) / sent).toFixed(2),
    p50.toFixed(1),
    p99.toFixed(1),
    ratio.p50.toFixed(2),
    ratio.p99.toFixed(2),
  ]);
  return table([head, ...rows]);
}
