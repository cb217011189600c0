import { ascending, median, percentile } from '../figures.ts';
import { pathOf, paths } from './invocation.ts';
import type { Path } from './invocation.ts';
import { beyondMs, isAnswered } from './load/ledger.ts';
import type { LoadResult } from './load/ledger.ts';
import type { Evidence, Order, PhaseName } from './scenario.ts';
import { countBetween, longestGap } from './times.ts';
import type { Times } from './times.ts';

/** Of the invocations of one phase and one path, by when they were due. Times in ms. */
export interface PhaseFigures {
  phase: PhaseName;
  path: Path;
  sent: number;
  answered: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** Beyond the time of their handlers. */
  beyondP50: number;
  beyondP99: number;
  /** The longest time in which no caller was answered. */
  longestGap: number;
}

/** Of all orders of one kind. */
export interface OrderFigures {
  verb: Order['verb'];
  orders: number;
  /** Those that were answered with a receipt that says `done`. */
  done: number;
  /** By the receipts, in ms. */
  medianMs: number;
  p90Ms: number;
  receipts: { answered: number; failed: number; lost: number | null };
  /** By what the callers got between the times that the receipts name. */
  counted: number;
  pausedMs?: { median: number; most: number };
  /** The longest gap that the callers of a path saw about each order, in ms. */
  gapMs: { [P in Path]: { median: number; most: number } };
}

/** A gap that an order has made may end so much after its answer. */
const gapAfterMs = 500;

export function measurePhases({ load, phases }: Evidence): PhaseFigures[] {
  return phases.flatMap(({ name, from, to }) =>
    paths.map((path) => ({ phase: name, path, ...phaseFigures(load, path, from, to) })),
  );
}

/** @param ends of all that was answered */
export function measureOrders(evidence: Evidence, ends: Times): OrderFigures[] {
  return (['swap', 'restart'] as const)
    .map((verb) => orderFigures(verb, evidence, ends))
    .filter(({ orders }) => orders > 0);
}

/** When the receipt says that it began and ended. */
export function timesOf({ rollout, answeredAt }: Order): [begin: number, end: number] {
  const begin = Date.parse(rollout?.started_at ?? '');
  return [begin, rollout?.duration_ms === undefined ? answeredAt : begin + rollout.duration_ms];
}

function orderFigures(verb: Order['verb'], { orders, load }: Evidence, ends: Float64Array): OrderFigures {
  const own = orders.filter((order) => order.verb === verb);
  const done = own.flatMap(({ rollout }) => (rollout?.state === 'done' ? [rollout] : []));
  const durations = done.map(({ duration_ms }) => duration_ms ?? NaN).sort(ascending);
  const sum = (pick: (one: (typeof done)[number]) => number): number =>
    done.reduce((total, one) => total + pick(one), 0);
  const paused = done.flatMap(({ paused_ms }) => (paused_ms === undefined ? [] : [paused_ms]));
  const gaps = (path: Path) => {
    const times = endsOf(load, path);
    return summary(
      own.map(({ orderedAt, answeredAt }) => longestGap(times, orderedAt, answeredAt + gapAfterMs)),
    );
  };
  return {
    verb,
    orders: own.length,
    done: done.length,
    medianMs: median(durations),
    p90Ms: percentile(durations, 0.9),
    receipts: {
      answered: sum(({ invocations }) => invocations.answered),
      failed: sum(({ invocations }) => invocations.failed),
      lost: done.some(({ invocations }) => invocations.lost === null)
        ? null
        : sum(({ invocations }) => invocations.lost ?? 0),
    },
    counted: own
      .filter(({ rollout }) => rollout)
      .reduce((total, order) => total + countBetween(ends, ...timesOf(order)), 0),
    ...(paused.length > 0 && { pausedMs: summary(paused) }),
    gapMs: { http: gaps('http'), nats: gaps('nats') },
  };
}

function summary(values: readonly number[]): { median: number; most: number } {
  return { median: median(values), most: Math.max(...values) };
}

function phaseFigures(
  load: LoadResult,
  path: Path,
  from: number,
  to: number,
): Omit<PhaseFigures, 'phase' | 'path'> {
  const latencies: number[] = [];
  const beyond: number[] = [];
  let sent = 0;
  for (const [seq, dueAt] of load.dueAt.entries()) {
    if (pathOf(seq) !== path || dueAt < from || dueAt >= to || Number.isNaN(load.sentAt[seq])) continue;
    sent += 1;
    if (!isAnswered(load, seq)) continue;
    latencies.push((load.endedAt[seq] ?? NaN) - dueAt);
    beyond.push(beyondMs(load, seq));
  }
  latencies.sort(ascending);
  beyond.sort(ascending);
  return {
    sent,
    answered: latencies.length,
    perSecond: (latencies.length * 1_000) / (to - from),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    beyondP50: percentile(beyond, 0.5),
    beyondP99: percentile(beyond, 0.99),
    longestGap: longestGap(endsOf(load, path), from, to),
  };
}

function endsOf(load: LoadResult, path: Path): Float64Array {
  return load.endedAt.filter((_, seq) => pathOf(seq) === path && isAnswered(load, seq)).sort();
}
