import { table } from '../figures.ts';
import type { Pair, Result } from './measure.ts';

/** How many times as long the middle pair may take with a culprit. */
const most = { p50: 1.2, p99: 2 };

/** What is not as it has to be, a sentence each. */
export function flawsOf({ culprit, failures, ratio, cpu }: Result): string[] {
  const times = (share: 'p50' | 'p99'): string | false =>
    !(ratio[share] <= most[share]) &&
    `beside ${culprit} the ${share} is ${ratio[share].toFixed(2)} times as long, and may be ${most[share]} times`;
  return [
    failures.count > 0 &&
      `beside ${culprit} ${failures.count} invocations failed, one with: ${failures.first ?? 'no answer'}`,
    cpu.strength !== 'enforced' && `nothing holds ${culprit} to half a core here (${cpu.by})`,
    times('p50'),
    times('p99'),
  ].filter((flaw) => flaw !== false);
}

export function describe(results: readonly Result[]): string {
  const head = ['ms, by pair', 'without', 'with', 'times'];
  return results.map((result) => `${titleOf(result)}\n${table([head, ...rowsOf(result)])}`).join('\n\n');
}

function titleOf({ culprit, cpu, ends, failures, pairs }: Result): string {
  const sent = pairs.reduce((sum, pair) => sum + pair.without.sent + pair.with.sent, 0);
  const ended = [...Map.groupBy(ends, (verdict) => verdict)].map(
    ([verdict, all]) => `${all.length} ${verdict}`,
  );
  return `${culprit} (half a core by ${cpu.by}; ended: ${ended.join(', ') || 'never'}): ${failures.count} of ${sent} failed`;
}

function rowsOf({ pairs, ratio }: Result): string[][] {
  return (['p50', 'p99'] as const).flatMap((share) => {
    const row = ({ without, with: beside }: Pair): string[] => [
      share,
      without[share].toFixed(2),
      beside[share].toFixed(2),
      (beside[share] / without[share]).toFixed(2),
    ];
    return [...pairs.map(row), [`${share}, the middle`, '', '', ratio[share].toFixed(2)]];
  });
}
