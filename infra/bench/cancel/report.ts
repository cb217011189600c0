import { table } from '../figures.ts';
import { control } from './measure.ts';
import type { LoadFigures, Result } from './measure.ts';

/** Ms from the cause to the signal, in 99 of 100. */
const p99MostMs = 50;

/** What is not as it has to be, a sentence each. */
export function flawsOf(results: readonly Result[], { sent, failed }: LoadFigures): string[] {
  return [
    ...results
      .filter(({ cause, p99 }) => cause !== control && !(p99 <= p99MostMs))
      .map(
        ({ cause, situation, p99 }) =>
          `${cause}, ${situation}: the p99 is ${p99.toFixed(1)} ms, and may be ${p99MostMs}`,
      ),
    ...(failed > 0 ? [`${failed} of ${sent} other invocations failed`] : []),
  ];
}

export function describe(results: readonly Result[]): string {
  const head = ['ms until the signal aborts', '', 'count', 'p50', 'p99', 'most'];
  const rows = results.map(({ cause, situation, count, p50, p99, most }) => [
    cause,
    situation,
    String(count),
    ...[p50, p99, most].map((ms) => ms.toFixed(2)),
  ]);
  return table([head, ...rows]);
}
