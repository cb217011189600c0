import { formatBytes, formatDuration, plural } from '../format.ts';
import type { Outcome } from './carry-out.ts';
import type { PastRun, RunSummary } from './run-history.ts';

/** What is kept of an outcome: nothing of what was answered. */
export function summaryOf(outcome: Outcome): RunSummary {
  switch (outcome.kind) {
    case 'result': {
      const { status, durationMs, bytes, problem } = outcome.result;
      return {
        kind: problem ? 'failed' : 'done',
        durationMs,
        status,
        bytes,
        ...(problem && { code: problem.code }),
      };
    }
    case 'stream': {
      const { view, end } = outcome.run;
      return {
        kind: end?.kind ?? 'done',
        durationMs: view.elapsedMs,
        chunks: view.count,
        ...(end?.kind === 'failed' && { code: end.problem.code, status: end.problem.status }),
      };
    }
    case 'saved':
      return { kind: 'done', durationMs: outcome.durationMs, bytes: outcome.bytes };
    case 'too-large':
      return { kind: 'cancelled', durationMs: outcome.afterMs };
    case 'cancelled':
    case 'not-sent':
    case 'unanswered':
      return { kind: outcome.kind, durationMs: outcome.afterMs };
  }
}

/** "200", "409 FORMS_FULL", "cancelled" */
export function verdictOf({ kind, status, code }: RunSummary): string {
  if (kind === 'failed') return [status, code].filter((part) => part !== undefined).join(' ');
  if (kind === 'done') return status === undefined ? 'done' : String(status);
  return verdicts[kind];
}

const verdicts = { cancelled: 'cancelled', 'not-sent': 'not sent', unanswered: 'no answer' };

/** "1.25 s, 12.0 KiB" */
export function figuresOf({ durationMs, bytes, chunks }: RunSummary): string {
  return [
    formatDuration(durationMs),
    ...(chunks === undefined ? [] : [plural(chunks, 'chunk')]),
    ...(bytes === undefined ? [] : [formatBytes(bytes)]),
  ].join(', ');
}

/** What was sent, in one short line. */
export function sentBy({ payload, file, withheld }: PastRun): string {
  if (file) return `${file.name}, ${formatBytes(file.sizeBytes)}`;
  if (withheld === 'secret') return 'Payload not kept: it may hold a secret.';
  if (withheld === 'long') return 'Payload not kept: it is too long.';
  return (payload ?? '').replaceAll(/\s+/g, ' ').slice(0, 200);
}
