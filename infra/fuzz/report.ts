import { table } from '../bench/figures.ts';
import { verdictLines } from '../chaos/rules/verdict.ts';
import type { Result } from './fuzz.ts';

const shownOutcomes = 60;
const shownChars = 130;

/** What was found, for people. */
export function describeResult({ campaigns, verdicts }: Result, seed: number): string {
  return [
    ...campaigns.map(({ way, inputs, outcomes }) => {
      const rows = outcomes
        .slice(0, shownOutcomes)
        .map(({ count, outcome, example }) => [
          outcome.slice(0, shownChars),
          String(count),
          example.slice(-40),
        ]);
      const more = outcomes.length > shownOutcomes ? `\nand ${outcomes.length - shownOutcomes} more` : '';
      return `\n${way}: ${inputs} inputs, ${outcomes.length} outcomes\n${table([['outcome', 'times', 'first'], ...rows])}${more}`;
    }),
    '',
    ...verdictLines(verdicts),
    ...(campaigns.some(({ findings }) => findings.length > 0)
      ? [`One of them again: node infra/fuzz/run.ts --seed ${seed} --only <input>`]
      : []),
  ].join('\n');
}
