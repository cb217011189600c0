import type { Rollout } from '@bkg/sdk/protocol';
import { ascending, percentile } from '../figures.ts';
import { pathOf, seqOf } from './invocation.ts';
import { isAnswered } from './load/ledger.ts';
import type { LoadResult } from './load/ledger.ts';
import { measureOrders, measurePhases, timesOf } from './measures.ts';
import type { OrderFigures, PhaseFigures } from './measures.ts';
import type { Evidence, Order } from './scenario.ts';
import { countBetween } from './times.ts';
import type { Times } from './times.ts';

export const flawKinds = [
  'not sent: too many were under way',
  'failed',
  'refused',
  'no answer',
  'answered more than once',
  'never started',
  'started more than once',
  'answered by another instance than started it',
  'answered by an instance that had been replaced',
] as const;
export type FlawKind = (typeof flawKinds)[number];

export interface Flaw {
  kind: FlawKind;
  seq: number;
}

export interface Start {
  instance: string;
  at: number;
}

export interface Verdict {
  sent: number;
  answered: number;
  perSecond: number;
  /** How late the load itself was: the 99th percentile, in ms. */
  sentLateMs: number;
  /** What stands in the plugin's files under other ids: self-tests. */
  others: number;
  flaws: Flaw[];
  /** What is wrong with orders and receipts. */
  orderFlaws: string[];
  phases: PhaseFigures[];
  orders: OrderFigures[];
  starts: Start[][];
}

/** What is under way at the edges of a receipt's time may count or not. On a busy machine that is more. */
const edgeLeastMs = 150;

/** Whether every invocation was started once and answered once, and whether the receipts say what happened. */
export function judge(evidence: Evidence): Verdict {
  const { load, orders } = evidence;
  const { starts, others } = startsOf(evidence);
  const ends: Times = load.endedAt.filter((_, seq) => isAnswered(load, seq)).sort();
  const sentLateMs = percentile(latenessOf(load), 0.99);
  const edgeMs = edgeLeastMs + 2 * sentLateMs;
  const durationMs = (load.dueAt.at(-1) ?? NaN) - (load.dueAt[0] ?? NaN);
  return {
    sent: load.sentAt.filter((at) => !Number.isNaN(at)).length,
    answered: ends.length,
    perSecond: (ends.length * 1_000) / durationMs,
    sentLateMs,
    others,
    flaws: starts.flatMap((noted, seq) => kindsOf(evidence, seq, noted).map((kind) => ({ kind, seq }))),
    orderFlaws: orders.flatMap((order, i) =>
      flawsOfOrder(order, { name: `${order.verb} ${i + 1}`, ends, edgeMs }),
    ),
    phases: measurePhases(evidence),
    orders: measureOrders(evidence, ends),
    starts,
  };
}

/** Those that nobody may excuse: a `single_writer` refuses who does not come through the gateway while it is replaced. */
export function unexcused({ flaws }: Verdict, { isSingleWriter }: { isSingleWriter: boolean }): Flaw[] {
  return flaws.filter(({ kind, seq }) => kind !== 'refused' || !isSingleWriter || pathOf(seq) !== 'nats');
}

function startsOf({ starts, load }: Evidence): { starts: Start[][]; others: number } {
  const bySeq: Start[][] = Array.from({ length: load.dueAt.length }, () => []);
  let others = 0;
  for (const [instance, lines] of starts) {
    for (const line of lines) {
      const [id = '', at] = line.split(' ');
      const noted = bySeq[seqOf(load.run, id) ?? -1];
      if (noted) noted.push({ instance, at: Number(at) });
      else others += 1;
    }
  }
  return { starts: bySeq, others };
}

function latenessOf({ dueAt, sentAt }: LoadResult): number[] {
  const lateness = [...sentAt].map((at, seq) => at - (dueAt[seq] ?? NaN));
  return lateness.filter((ms) => !Number.isNaN(ms)).sort(ascending);
}

function kindsOf({ load, orders }: Evidence, seq: number, starts: readonly Start[]): FlawKind[] {
  if (Number.isNaN(load.sentAt[seq])) return ['not sent: too many were under way'];
  const replies = load.replies[seq] ?? 0;
  const failure = load.failures.get(seq);
  // Nobody took it, and its caller knows that: it may try again.
  const isRefused =
    failure !== undefined && starts.length === 0 && /no responders|PLUGIN_UNAVAILABLE/.test(failure);
  const by = load.answerers[load.answeredBy[seq] ?? 0]?.instance;
  const kinds: { [K in FlawKind]?: boolean } = {
    refused: isRefused,
    failed: failure !== undefined && !isRefused,
    'no answer': replies === 0,
    'answered more than once': replies > 1,
    'never started': starts.length === 0 && !isRefused,
    'started more than once': starts.length > 1,
    'answered by another instance than started it':
      Boolean(by) && !starts.some(({ instance }) => instance === by),
    'answered by an instance that had been replaced':
      Boolean(by) && lastRollout(orders, load, seq)?.instances.every(({ instance }) => instance !== by),
  };
  return flawKinds.filter((kind) => kinds[kind]);
}

/** The rollout that was over when this was sent, unless the next was ordered before it was answered. */
function lastRollout(
  orders: readonly Order[],
  { sentAt, endedAt }: LoadResult,
  seq: number,
): Rollout | undefined {
  const place = orders.findLastIndex(({ answeredAt }) => answeredAt < (sentAt[seq] ?? NaN));
  const next = orders[place + 1];
  const isAlone = !next || (endedAt[seq] ?? NaN) < next.orderedAt;
  return isAlone ? orders[place]?.rollout : undefined;
}

function flawsOfOrder(
  order: Order,
  { name, ends, edgeMs }: { name: string; ends: Times; edgeMs: number },
): string[] {
  const what = `${name} to ${order.version}`;
  if (!order.rollout) return [`${what} was ${order.problem}`];
  const { state, error, from, to, instances, invocations } = order.rollout;
  const { answered, failed, lost } = invocations;
  const [begin, end] = timesOf(order);
  const least = countBetween(ends, begin + edgeMs, end - edgeMs);
  const most = countBetween(ends, begin - edgeMs, end + edgeMs);
  const flaws: [boolean, string][] = [
    [state !== 'done' || error !== undefined, `has a receipt that says ${state} ${error ?? ''}`],
    [to !== order.version, `has a receipt for ${from} to ${to}`],
    [order.verb === 'swap' && from === to, `has a receipt for a swap from ${from} to itself`],
    [instances.length === 0, 'has a receipt without an instance'],
    [instances.some(({ version }) => version !== to), `has a receipt with an instance that is not ${to}`],
    [failed !== 0, `has a receipt with ${failed} failed`],
    [lost !== 0, `has a receipt with ${lost ?? 'nobody knows how many'} lost`],
    [
      answered < least || answered > most,
      `has a receipt with ${answered} answered; its callers counted ${least} to ${most}`,
    ],
    [
      end - begin > order.answeredAt - order.orderedAt + 1,
      `has a receipt that took ${end - begin} ms, but was answered after ${order.answeredAt - order.orderedAt} ms`,
    ],
  ];
  return flaws.filter(([isSo]) => isSo).map(([, words]) => `${what} ${words}`);
}
