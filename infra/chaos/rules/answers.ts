import { answerGraceMs } from '@bkg/sdk/protocol';
import type { Call, Way } from '../load/ledger.ts';
import { unforeseen, ways } from '../load/ledger.ts';
import type { Outage } from '../outages.ts';
import type { Verdict } from './verdict.ts';

/** What who waits gives an answer that is on its way; the client of `/ws` waits for the gateway, which waits itself. */
const graceMs: Record<Way, number> = { http: answerGraceMs, nats: answerGraceMs, ws: 2 * answerGraceMs };

export interface AnswerEvidence {
  calls: readonly Call[];
  outages: readonly Outage[];
  toleranceMs: (from: number, to: number) => number;
  skipped: number;
}

/** Each invocation had one terminal answer within its deadline. A gateway that is stopped can answer nobody: its time counts not. */
export function judgeAnswers({ calls, outages, toleranceMs, skipped }: AnswerEvidence): Verdict {
  const flaws: string[] = [];
  for (const call of calls) {
    const { number, way, kind, sentAt, endedAt, outcome, detail, answers } = call;
    const name = `call ${number} (${kind.plugin} ${kind.capability} over ${way}, sent ${new Date(sentAt).toISOString()})`;
    const dueAt = deadlineOf(call, outages);
    if (endedAt === undefined) flaws.push(`${name} had no answer`);
    else if (endedAt > dueAt + toleranceMs(sentAt, endedAt))
      flaws.push(
        `${name} was answered ${outcome} ${((endedAt - dueAt) / 1_000).toFixed(1)} s after its deadline`,
      );
    if (outcome === unforeseen) flaws.push(`${name} failed without a problem object: ${detail}`);
    if (answers > 1) flaws.push(`${name} had ${answers} answers`);
  }
  return {
    rule: 'every invocation had one terminal answer within its deadline',
    flaws,
    counted: [
      `${calls.length} invocations${skipped > 0 ? `, ${skipped} more not begun` : ''}`,
      ...ways.map((way) => `${way}: ${countOutcomes(calls.filter((call) => call.way === way))}`),
    ].join('\n'),
  };
}

function deadlineOf({ way, kind, sentAt }: Call, outages: readonly Outage[]): number {
  const ownMs = kind.timeoutMs + graceMs[way];
  let dueAt = sentAt + ownMs;
  if (way !== 'http') return dueAt;
  for (const { part, from, faultUntil } of outages)
    if (part === 'gateway' && from <= dueAt && faultUntil > sentAt)
      dueAt = Math.max(dueAt, faultUntil + ownMs);
  return dueAt;
}

function countOutcomes(calls: readonly Call[]): string {
  const counts = new Map<string, number>();
  for (const { outcome = 'none' } of calls) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}
