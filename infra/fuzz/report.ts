import { table } from '../bench/figures.ts';
import type { Result } from './fuzz.ts';

const shownFlaws = 20;
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
    ...verdicts.flatMap(({ rule, flaws, counted }) => [
      `${flaws.length === 0 ? '✓' : '✗'} ${rule}`,
      ...counted.split('\n').map((line) => `    ${line}`),
      ...flaws.slice(0, shownFlaws).map((flaw) => `  ! ${flaw}`),
      ...(flaws.length > shownFlaws ? [`  ! and ${flaws.length - shownFlaws} more`] : []),
    ]),
    ...(campaigns.some(({ findings }) => findings.length > 0)
      ? [`One of them again: node infra/fuzz/run.ts --seed ${seed} --only <input>`]
      : []),
  ].join('\n');
}
