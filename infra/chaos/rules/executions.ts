import type { Call } from '../load/ledger.ts';
import { saysNotExecuted } from '../not-executed.ts';
import type { Verdict } from './verdict.ts';

/** How often the handler of a call may have begun. @param starts by the number of the call */
export function judgeExecutions(calls: readonly Call[], starts: ReadonlyMap<number, number>): Verdict {
  const flaws: string[] = [];
  let twice = 0;
  for (const { number, kind, way, outcome, sentAt } of calls) {
    const count = starts.get(number) ?? 0;
    const name = `call ${number} (${kind.plugin} ${kind.capability} over ${way}, sent ${new Date(sentAt).toISOString()}, ${outcome ?? 'no answer'})`;
    if (count > (kind.idempotent ? 2 : 1)) flaws.push(`${name} was executed ${count} times`);
    if (outcome === 'ok' && count === 0) flaws.push(`${name} was never executed`);
    // Whoever believes it does it once more.
    if (count > 0 && saysNotExecuted(outcome ?? ''))
      flaws.push(`${name} was executed, and its answer says that it was not`);
    if (count === 2) twice += 1;
  }
  return {
    rule: 'nothing was executed twice that must not be',
    flaws,
    counted: `${calls.filter(({ number }) => starts.has(number)).length} executed, ${twice} idempotent ones twice`,
  };
}
