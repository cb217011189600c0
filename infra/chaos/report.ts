import type { Result } from './chaos.ts';
import { verdictLines } from './rules/verdict.ts';

/** What was found, for people. */
export function describeResult(result: Result): string {
  const { verdicts, faults, orders, settledAfterMs, returnsMs, lateMostMs } = result;
  const returns = Object.entries(returnsMs).map(
    ([part, times]) =>
      `${part} ${seconds(times[Math.floor(times.length / 2)])} (${seconds(times.at(-1))} at most, ${times.length} times)`,
  );
  const counts = (of: { [name: string]: number }): string =>
    Object.entries(of)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  return [
    '',
    `faults: ${counts(faults)}`,
    `orders: ${counts({ ...orders })}`,
    ...(returns.length > 0 ? [`back at work after the fault: ${returns.join(', ')}`] : []),
    `settled after ${seconds(settledAfterMs)}; this process was late by ${lateMostMs.toFixed(0)} ms at most`,
    ...verdictLines(verdicts),
  ].join('\n');
}

function seconds(ms = NaN): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
