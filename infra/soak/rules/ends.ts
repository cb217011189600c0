import { answerGraceMs } from '@bkg/sdk/protocol';
import { countOutcomes } from '../../chaos/rules/count-outcomes.ts';
import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { Fault } from '../faults.ts';
import { complete, unforeseen, wrong } from '../ledger.ts';
import type { Entry } from '../ledger.ts';
import { connectMostMs, fates, isAwaited, kinds, stallMs, timeoutMs, ways } from '../operation.ts';
import type { Operation } from '../operation.ts';

export interface EndsEvidence {
  entries: readonly Entry[];
  faults: readonly Fault[];
  /** On top of every bound, for a machine that was busy in that time. */
  toleranceMs: (from: number, to: number) => number;
}

/** A client of `/ws` waits for the gateway, which waits itself. */
const graceMs = 2 * answerGraceMs;
/** A reader that has stalled goes on when the time is over, and finds what fills all buffers before it finds the end. */
const stalledMs = stallMs - timeoutMs + 4_000;
/** From a killed part until those that were connected to it know. */
const noticeMs = 3_000;

/** Each invocation has ended, in time; a complete one with exactly its content; and a failed one has a cause. */
export function judgeEnds({ entries, faults, toleranceMs }: EndsEvidence): Verdict {
  const flaws: string[] = [];
  for (const entry of entries) {
    const { operation, sentAt, endedAt, outcome, detail } = entry;
    const name = nameOf(entry);
    const tolerance = toleranceMs(sentAt, endedAt ?? sentAt + timeoutMs);
    if (endedAt === undefined) flaws.push(`${name} has never ended`);
    else if (endedAt - sentAt > timeoutMs + graceMs + tolerance + extraMs(operation))
      flaws.push(`${name} ended with ${outcome} after ${((endedAt - sentAt) / 1_000).toFixed(1)} s`);
    if (outcome === wrong) flaws.push(`${name} was complete, with other content`);
    if (outcome === unforeseen) flaws.push(`${name} ended in no way that is promised: ${detail}`);
    if (endedAt === undefined || !isAwaited(operation) || outcome === complete || outcome === wrong) continue;
    // On a machine on which even we had to wait the time is over before anybody has come to it.
    const isLate = outcome === 'DEADLINE_EXCEEDED' && tolerance > timeoutMs / 4;
    if (!isLate && outcome !== unforeseen && !hasCause(entry, faults))
      flaws.push(`${name} ended with ${outcome}, and nothing was done to anybody: ${detail}`);
  }
  if (entries.length === 0) flaws.push('nothing was invoked');
  for (const way of ways)
    for (const kind of kinds) {
      const some = entries.filter(({ operation }) => operation.way === way && operation.kind === kind);
      if (some.length >= 20 && !some.some(({ outcome }) => outcome === complete))
        flaws.push(`none of ${some.length} invocations of ${kind} over ${way} was complete`);
    }
  return {
    rule: 'every invocation ended in its time: complete and exact, or with an error that has a cause',
    flaws,
    counted: [
      `${entries.length} invocations`,
      ...ways.map(
        (way) => `${way}: ${countOutcomes(entries.filter(({ operation }) => operation.way === way))}`,
      ),
      ...fates.map(
        (fate) => `${fate}: ${countOutcomes(entries.filter(({ operation }) => operation.fate === fate))}`,
      ),
    ].join('\n'),
  };
}

function extraMs({ fate, way }: Operation): number {
  if (fate === 'stall') return stalledMs;
  // Who is going to be gone has a connection of its own, which waits for a broker that is away.
  return fate === 'drop' && way === 'nats' ? connectMostMs : 0;
}

/** A swap is no cause: whoever is replaced ends what it has begun. */
function hasCause({ sentAt, endedAt = sentAt }: Entry, faults: readonly Fault[]): boolean {
  return faults.some(
    ({ kind, from, until }) => kind !== 'swap' && from <= endedAt && until + noticeMs >= sentAt,
  );
}

function nameOf({ operation: { number, kind, way, fate, plugin }, invocationId, sentAt }: Entry): string {
  const at = new Date(sentAt).toISOString();
  return `${number} (${fate} ${kind} of ${plugin} over ${way}, ${invocationId.slice(0, 8)}, sent ${at})`;
}
