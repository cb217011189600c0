/** What became of one rule. */
export interface Verdict {
  rule: string;
  flaws: string[];
  /** What was counted, for people. */
  counted: string;
}

/** Whether no rule was broken. */
export function areKept(verdicts: readonly Verdict[]): boolean {
  return verdicts.every(({ flaws }) => flaws.length === 0);
}

const shownFlaws = 20;

/** Of each rule, for people: whether it was kept, what was counted, and the first of its flaws. */
export function verdictLines(verdicts: readonly Verdict[]): string[] {
  return verdicts.flatMap(({ rule, flaws, counted }) => [
    `${flaws.length === 0 ? '✓' : '✗'} ${rule}`,
    ...counted.split('\n').map((line) => `    ${line}`),
    ...flaws.slice(0, shownFlaws).map((flaw) => `  ! ${flaw}`),
    ...(flaws.length > shownFlaws ? [`  ! and ${flaws.length - shownFlaws} more`] : []),
  ]);
}
