import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { QuietState } from '../../soak/quiet.ts';

/** In use without garbage: what was seen for the first time (schemas, plans of functions) is kept, once. */
const usedMoreMb = 24;
/** Of nats-server nobody knows what is garbage; it has little with the limit that `Stage` gives it. */
const residentMoreMb = 64;

/** Who has taken all inputs has no more memory in use than after the first of them. */
export function judgeGrowth(before: QuietState, after: QuietState): Verdict {
  const flaws: string[] = [];
  const counted: string[] = [];
  for (const { role, pid, memoryMb, usedMb } of after.processes) {
    const then = before.processes.find((one) => one.pid === pid);
    if (!then) continue;
    const isKnown = usedMb !== undefined && then.usedMb !== undefined;
    const [was, is] = isKnown ? [then.usedMb ?? NaN, usedMb] : [then.memoryMb, memoryMb];
    const what = isKnown ? 'in use' : 'resident';
    counted.push(`${role}: ${was.toFixed(1)} to ${is.toFixed(1)} MB ${what}`);
    if (!(is <= was + (isKnown ? usedMoreMb : residentMoreMb)))
      flaws.push(`${role} has ${is.toFixed(1)} MB ${what}, and had ${was.toFixed(1)}`);
  }
  if (counted.length === 0) flaws.push('nobody was there at both times');
  return { rule: 'nobody has grown', flaws, counted: counted.join('\n') };
}
