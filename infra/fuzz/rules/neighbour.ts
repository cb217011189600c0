import type { Verdict } from '../../chaos/rules/verdict.ts';

export interface NeighbourCall {
  way: string;
  ms: number;
  /** What went wrong; absent when it was answered as it should be. */
  failure?: string;
}

const shownFailures = 3;

/** Who uses the mesh as it should be used gets every answer, whatever others send. */
export function judgeNeighbour(calls: readonly NeighbourCall[]): Verdict {
  const flaws = [
    ...Map.groupBy(
      calls.filter(({ failure }) => failure),
      ({ way }) => way,
    ),
  ].map(([way, some]) => {
    const reasons = [...new Set(some.map(({ failure }) => failure))].slice(0, shownFailures);
    return `${some.length} invocations over ${way} were not answered: ${reasons.join('; ')}`;
  });
  if (calls.length === 0) flaws.push('nobody has invoked anything');
  const slowest = Math.max(0, ...calls.map(({ ms }) => ms));
  return {
    rule: 'who invokes as it should be done beside it gets every answer',
    flaws,
    counted: `${calls.length} invocations, the slowest took ${slowest.toFixed(0)} ms`,
  };
}
