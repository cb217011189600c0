import { answerGraceMs } from '@bkg/sdk/protocol';
import type { Call, Way } from '../load/ledger.ts';
import { connectionLost, unforeseen, ways } from '../load/ledger.ts';
import type { Outage } from '../outages.ts';
import { pluginIds } from '../plan.ts';
import { countOutcomes } from './count-outcomes.ts';
import type { Verdict } from './verdict.ts';

/** What who waits gives an answer that is on its way; the client of `/ws` waits for the gateway, which waits itself. */
const graceMs: Record<Way, number> = { http: answerGraceMs, nats: answerGraceMs, ws: 2 * answerGraceMs };

/** What has piled up while the gateway was stopped it gets through in this share of the time in which it came. */
const catchUpShare = 0.25;
/** Of so few all may have met faults. */
const fewCalls = 50;
/** Not begun beside each that was. */
const skippedMost = 0.25;

export interface AnswerEvidence {
  calls: readonly Call[];
  /** From when on nothing was done to the mesh, and all of it was there; Infinity when that never was. */
  calmFrom: number;
  outages: readonly Outage[];
  toleranceMs: (from: number, to: number) => number;
  skipped: number;
}

/**
 * Each invocation had one terminal answer within its deadline, and the mesh did work: a failure has to have a cause. A
 * gateway that is stopped can answer nobody: its time counts not.
 */
export function judgeAnswers(evidence: AnswerEvidence): Verdict {
  const { calls, calmFrom, outages, skipped, toleranceMs } = evidence;
  const flaws = idleness(evidence);
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
    if (outcome === connectionLost && !mayBreak(sentAt, endedAt ?? sentAt, evidence))
      flaws.push(`${name} lost its connection, and nothing was done to the gateway: ${detail}`);
    // On a machine that stands still for a moment the deadline is over before anybody has come to it.
    const isExcused =
      outcome === 'DEADLINE_EXCEEDED' && toleranceMs(sentAt, endedAt ?? sentAt) > kind.timeoutMs;
    if (sentAt >= calmFrom && outcome !== 'ok' && !isExcused)
      flaws.push(`${name} ended with ${outcome ?? 'nothing'} when all was well again: ${detail}`);
    if (answers > 1) flaws.push(`${name} had ${answers} answers`);
  }
  return {
    rule: 'every invocation had one terminal answer within its deadline',
    flaws,
    counted: [
      `${calls.length} invocations${skipped > 0 ? `, ${skipped} more not begun` : ''}`,
      `${calls.filter(({ sentAt }) => sentAt >= calmFrom).length} of them when all was well again`,
      ...ways.map((way) => `${way}: ${countOutcomes(calls.filter((call) => call.way === way))}`),
    ].join('\n'),
  };
}

/** What a mesh has not done that did nothing. */
function idleness({ calls, skipped }: AnswerEvidence): string[] {
  const flaws: string[] = [];
  if (calls.length === 0) flaws.push('nothing was invoked');
  if (skipped > calls.length * skippedMost)
    flaws.push(`${skipped} invocations were not begun beside ${calls.length}: too many had no answer yet`);
  for (const way of ways)
    for (const id of pluginIds) {
      const own = calls.filter((call) => call.way === way && call.kind.plugin === id);
      if (own.length >= fewCalls && !own.some(({ outcome }) => outcome === 'ok'))
        flaws.push(`none of ${own.length} invocations of ${id} over ${way} was answered ok`);
    }
  return flaws;
}

/** Whether the gateway was killed or stopped in a time, or a moment before. Who is only cut off keeps its connections. */
function mayBreak(
  from: number,
  to: number,
  { outages, toleranceMs }: Pick<AnswerEvidence, 'outages' | 'toleranceMs'>,
): boolean {
  return outages.some(
    (one) =>
      one.part === 'gateway' &&
      one.kind !== 'partition' &&
      one.from <= to &&
      one.until + toleranceMs(from, to) >= from,
  );
}

function deadlineOf({ way, kind, sentAt }: Call, outages: readonly Outage[]): number {
  const ownMs = kind.timeoutMs + graceMs[way];
  let dueAt = sentAt + ownMs;
  if (way !== 'http') return dueAt;
  for (const { part, kind: fault, from, faultUntil } of outages)
    if (part === 'gateway' && fault === 'stop' && from <= dueAt && faultUntil > sentAt)
      dueAt = Math.max(dueAt, faultUntil + (faultUntil - from) * catchUpShare + ownMs);
  return dueAt;
}
