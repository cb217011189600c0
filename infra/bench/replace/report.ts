import { table } from '../figures.ts';
import { idOf, pathOf, workMs } from './invocation.ts';
import { flawKinds } from './judge.ts';
import type { Flaw, Verdict } from './judge.ts';
import type { OrderFigures } from './measures.ts';
import type { Evidence } from './scenario.ts';

const shownFlaws = 8;
/** Of those with the same flaw. */
const shownAlike = 3;
const shownOrderFlaws = 20;
/** Events so near to an invocation that went wrong may say why. */
const nearMs = 1_500;

/** What was found, for people. */
export function describe(evidence: Evidence, verdict: Verdict): string {
  return [
    ...phaseTable(verdict),
    ...verdict.orders.map((figures) => describeOrders(figures, evidence.plan.isSingleWriter)),
    describeCounts(verdict),
    ...verdict.orderFlaws.slice(0, shownOrderFlaws).map((flaw) => `! ${flaw}`),
    ...countsOfFlaws(verdict),
    ...shown(verdict).flatMap(([seq, kinds]) => describeFlaw(evidence, verdict, seq, kinds)),
  ].join('\n');
}

function phaseTable({ phases }: Verdict): string[] {
  const head = ['', 'sent', 'answered', 'per s', 'p50', 'p99', 'beyond p50', 'p99', 'longest gap'];
  const rows = phases.map((one) => [
    `${one.phase}, ${one.path}`,
    String(one.sent),
    String(one.answered),
    one.perSecond.toFixed(0),
    ...[one.p50, one.p99, one.beyondP50, one.beyondP99, one.longestGap].map((ms) => ms.toFixed(1)),
  ]);
  return [
    table([head, ...rows]),
    '(ms from when it was due; "beyond" is without the 5 to 65 ms of the handler)',
  ];
}

function describeOrders(figures: OrderFigures, isSingleWriter: boolean): string {
  const { verb, orders, done, medianMs, p90Ms, receipts, counted, pausedMs, gapMs } = figures;
  const lost = receipts.lost === null ? 'not known' : String(receipts.lost);
  if (done === 0) return `${orders} ${verb}s, none done`;
  const lines = [
    `${orders} ${verb}s, ${done} done: median ${medianMs.toFixed(0)} ms, 90th percentile ${p90Ms.toFixed(0)} ms`,
    `  receipts: ${receipts.answered} answered (their callers: ${counted}), ${receipts.failed} failed, lost ${lost}`,
  ];
  if (!isSingleWriter) return lines.join('\n');
  const words = ({ median, most }: { median: number; most: number }): string =>
    `median ${median.toFixed(0)} ms, most ${most.toFixed(0)} ms`;
  if (pausedMs) lines.push(`  paused, by the receipts: ${words(pausedMs)}`);
  lines.push(`  no answer over HTTP: ${words(gapMs.http)}`, `  no answer over NATS: ${words(gapMs.nats)}`);
  return lines.join('\n');
}

function describeCounts({ sent, answered, perSecond, others, sentLateMs }: Verdict): string {
  return (
    `${sent} sent, ${answered} answered, ${perSecond.toFixed(0)} per s; ${others} self-tests in the plugin's files; ` +
    `99 % were sent within ${sentLateMs.toFixed(1)} ms of when they were due`
  );
}

/** How often each kind occurred, by the way. */
export function countFlaws(flaws: readonly Flaw[]): { [kind: string]: { http: number; nats: number } } {
  const counts: { [kind: string]: { http: number; nats: number } } = {};
  for (const { kind, seq } of flaws) (counts[kind] ??= { http: 0, nats: 0 })[pathOf(seq)] += 1;
  return counts;
}

function countsOfFlaws({ flaws }: Verdict): string[] {
  const counts = countFlaws(flaws);
  return flawKinds.flatMap((kind) => {
    const count = counts[kind];
    return count ? [`! ${kind}: ${count.http} over HTTP, ${count.nats} over NATS`] : [];
  });
}

/** Some of each kind, by invocation; what was refused has nothing to show. */
function shown({ flaws }: Verdict): [seq: number, kinds: string][] {
  const bySeq = Map.groupBy(flaws, ({ seq }) => seq);
  const words = [...bySeq].map(([seq, of]): [number, string] => [seq, of.map(({ kind }) => kind).join(', ')]);
  const alike = Map.groupBy(words, ([, kinds]) => kinds);
  alike.delete('refused');
  return [...alike.values()].flatMap((some) => some.slice(0, shownAlike)).slice(0, shownFlaws);
}

function describeFlaw(evidence: Evidence, { starts }: Verdict, seq: number, kinds: string): string[] {
  const { load, orders, statuses } = evidence;
  const dueAt = load.dueAt[seq] ?? NaN;
  const order = orders.findLast(({ orderedAt }) => orderedAt <= dueAt);
  const since = order
    ? `${(dueAt - order.orderedAt).toFixed(0)} ms after order ${orders.indexOf(order) + 1} (${order.verb} to ${order.version})`
    : 'before the first order';
  const relative = (at: number): string => `${at < dueAt ? '' : '+'}${(at - dueAt).toFixed(0)} ms`;
  const by = load.answerers[load.answeredBy[seq] ?? 0];
  const outcome = by?.instance ? `by ${by.instance} (${by.version})` : load.failures.get(seq);
  const replies = load.replies[seq] ?? 0;
  const reply =
    replies === 0 ? 'no reply' : `${replies} replies, the first ${relative(load.endedAt[seq] ?? NaN)}`;
  const events = statuses.filter(({ at }) => Math.abs(at - dueAt) < nearMs);
  return [
    `- ${idOf(load.run, seq)} ${kinds}: due ${new Date(dueAt).toISOString()} over ${pathOf(seq)}, ${since}, ${workMs(seq)} ms of work`,
    `    sent ${relative(load.sentAt[seq] ?? NaN)}; ${reply} ${outcome ?? ''}`,
    ...(starts[seq] ?? []).map((start) => `    started ${relative(start.at)} by ${start.instance}`),
    ...events.map(
      ({ at, instance: whose, status, held, version: which }) =>
        `    ${relative(at)} ${whose} (${which}) ${status}${held ? ', held' : ''}`,
    ),
  ];
}
