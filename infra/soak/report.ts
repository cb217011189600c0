import { table } from '../bench/figures.ts';
import type { ProcessState } from './quiet.ts';
import { verdictLines } from '../chaos/rules/verdict.ts';
import type { Result } from './soak.ts';

/** What was found, for people. */
export function describeResult(result: Result): string {
  const { verdicts, faults, lateMostMs } = result;
  const counts = Object.entries(faults).map(([kind, count]) => `${count} ${kind}`);
  return [
    '',
    memoryTable(result),
    '',
    `faults: ${counts.join(', ') || 'none'}; this process was late by ${lateMostMs.toFixed(0)} ms at most`,
    ...verdictLines(verdicts),
  ].join('\n');
}

/** MB at each quiet, resident and in use; of several processes of a kind all together. */
function memoryTable({ quiets }: Result): string {
  const roles = [...new Set(quiets.flatMap(({ processes }) => processes.map(({ role }) => role)))];
  const first = quiets[0]?.at ?? NaN;
  const rows = quiets.map(({ at, processes }) => [
    ((at - first) / 60_000).toFixed(1),
    ...roles.map((role) => {
      const some = processes.filter((one) => one.role === role);
      const sumOf = (pick: (one: ProcessState) => number): string =>
        some.reduce((sum, one) => sum + pick(one), 0).toFixed(1);
      const used = some.some(({ usedMb }) => usedMb !== undefined)
        ? ` (${sumOf(({ usedMb = 0 }) => usedMb)})`
        : '';
      return `${sumOf(({ memoryMb }) => memoryMb)}${used}`;
    }),
  ]);
  return table([['MB (in use) after minutes', ...roles], ...rows]);
}
