import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { QuietState } from '../../soak/quiet.ts';

/** Whoever was there at the beginning is there at the end, and is the same process. */
export function judgeSurvival(before: QuietState, after: QuietState): Verdict {
  const pidsOf = (state: QuietState, role: string): number[] =>
    state.processes.filter((one) => one.role === role).map(({ pid }) => pid);
  const roles = [...new Set(before.processes.map(({ role }) => role))];
  const flaws = roles.flatMap((role) => {
    const [then, now] = [pidsOf(before, role), pidsOf(after, role)];
    const isSame = then.length === now.length && then.every((pid) => now.includes(pid));
    return isSame ? [] : [`${role} was process ${then.join(', ')}, and is ${now.join(', ') || 'gone'}`];
  });
  if (roles.length === 0) flaws.push('there was nobody at the beginning');
  return { rule: 'no process has died or was started again', flaws, counted: roles.join(', ') };
}
