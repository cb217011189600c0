import { setTimeout as delay } from 'node:timers/promises';
import type { Enforcement } from '@bkg/sdk';
import { ascending, median, percentile } from '../figures.ts';
import { OfferedLoad } from '../replace/load/offered-load.ts';
import { isAnswered } from '../replace/load/ledger.ts';
import type { LoadResult } from '../replace/load/ledger.ts';
import type { Culprit } from './options.ts';
import { neighbour } from './stage.ts';
import type { Stage } from './stage.ts';

export interface Plan {
  culprit: Culprit;
  pairs: number;
  /** Of each half of a pair. */
  seconds: number;
  rate: number;
}

/** Of the neighbour's invocations; times in ms, from when each was due. */
export interface Half {
  sent: number;
  failed: number;
  p50: number;
  p99: number;
}

export interface Pair {
  without: Half;
  with: Half;
}

export interface Result {
  culprit: Culprit;
  /** What keeps it to half a core. */
  cpu: Pick<Enforcement, 'strength' | 'by'>;
  /** How it has ended, as far as the supervisor keeps it. */
  ends: string[];
  pairs: Pair[];
  /** What failed first, and how often something did. */
  failures: { count: number; first?: string };
  /** The middle ones of the pairs. */
  ratio: { p50: number; p99: number };
}

/** Compilers and validators have their turn, and the culprit begins, before it counts. */
const warmUpMs = 1_000;
const timeoutMs = 10_000;

export async function measure(stage: Stage, plan: Plan): Promise<Result> {
  const { culprit, pairs: count } = plan;
  // The first load of all meets code that nobody has run yet.
  await offer(stage, { ...plan, seconds: 1 });
  const pairs: Pair[] = [];
  const ends = new Map<string, string>();
  const failures: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const halves = new Map<boolean, Half>();
    // Who is first changes, so that what grows over time counts for both.
    for (const isThere of i % 2 === 0 ? [false, true] : [true, false]) {
      if (isThere) await stage.order('start', culprit);
      const result = await offer(stage, plan);
      failures.push(...result.failures.values());
      halves.set(isThere, figuresOf(result));
      if (!isThere) continue;
      await stage.order('stop', culprit);
      for (const { instance, verdict } of (await stage.get(culprit)).ends ?? []) ends.set(instance, verdict);
    }
    const [without, beside] = [halves.get(false), halves.get(true)];
    if (without && beside) pairs.push({ without, with: beside });
  }
  const { strength, by } = (await stage.get(culprit)).isolation?.cpu ?? { strength: 'none', by: 'none' };
  const ratio = (share: 'p50' | 'p99'): number =>
    median(pairs.map(({ with: beside, without }) => beside[share] / without[share]));
  return {
    culprit,
    cpu: { strength, by },
    ends: [...ends.values()],
    pairs,
    failures: {
      count: pairs.reduce((sum, pair) => sum + pair.without.failed + pair.with.failed, 0),
      ...(failures[0] !== undefined && { first: failures[0] }),
    },
    ratio: { p50: ratio('p50'), p99: ratio('p99') },
  };
}

async function offer({ apiKey, httpPort, nats }: Stage, { seconds, rate }: Plan): Promise<LoadResult> {
  await using load = await OfferedLoad.start({
    httpPort,
    busPort: nats.port,
    apiKey,
    credentials: nats.credentials,
    plugin: neighbour,
    perSecond: rate,
    mostUnderWay: rate * (timeoutMs / 1_000),
    timeoutMs,
  });
  await delay(warmUpMs + seconds * 1_000);
  // Awaited here: what is left of it ends with this block.
  return await load.stop();
}

/** Without the warm-up, in which nothing may fail either. */
function figuresOf(load: LoadResult): Half {
  const from = (load.dueAt[0] ?? NaN) + warmUpMs;
  const seqs = Array.from(load.dueAt, (_, seq) => seq);
  const answered = seqs.filter((seq) => isAnswered(load, seq));
  const latencies = answered
    .filter((seq) => (load.dueAt[seq] ?? NaN) >= from)
    .map((seq) => (load.endedAt[seq] ?? NaN) - (load.dueAt[seq] ?? NaN))
    .sort(ascending);
  return {
    sent: seqs.length,
    failed: seqs.length - answered.length,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}
