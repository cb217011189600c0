import { percentile } from '../figures.ts';
import { load } from '../load.ts';
import type { LoadResult } from '../load.ts';
import { pacedLoad } from '../paced-load.ts';
import { cpuMs } from '../program.ts';
import { body, roles } from './side.ts';
import type { Role, Side } from './side.ts';

/** Of one side in one round, with as much load as there can be. */
export interface Most {
  perSecond: number;
  p50: number;
  p99: number;
  /** CPU in µs per invocation, of each and of all of these. */
  cpu: Record<Role, number>;
  cpuSum: number;
  /** The same of this process, which makes the load. */
  client: number;
}

/** At a rate that is the same for all; ms from when a request was due. */
export interface Paced {
  p50: number;
  p99: number;
  /** How late 1 % of the requests, or more, were sent: no server can be faster than that tells. */
  lateP99: number;
}

/**
 * Each with one request at a time: so many that somebody always has something to do. With 64, what all of them wait for is at
 * times under way as one bundle, and the fastest sides stand still while the client has it.
 */
const connections = 256;
const warmUpMostMs = 60_000;
const warmUpPieceMs = 250;

export async function measureMost({ target, pids }: Side, seconds: number): Promise<Most> {
  const all = { ...target, body, connections };
  const spent = (): number[] => [...roles.map((role) => sum(pids[role].map(cpuMs))), cpuMs(process.pid)];
  const before = spent();
  const result = await load({ ...all, durationMs: seconds * 1_000 });
  const perInvocation = spent().map((ms, i) => ((ms - (before[i] ?? NaN)) * 1_000) / result.answered);
  expectAll(result);
  const { answered, durationMs, latencies } = result;
  const cpu = Object.fromEntries(roles.map((role, i) => [role, perInvocation[i] ?? NaN])) as Most['cpu'];
  return {
    perSecond: (answered * 1_000) / durationMs,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    cpu,
    cpuSum: sum(Object.values(cpu)),
    client: perInvocation[roles.length] ?? NaN,
  };
}

export async function measurePaced({ target }: Side, seconds: number, perSecond: number): Promise<Paced> {
  const all = { ...target, body, connections };
  const result = await pacedLoad({ ...all, durationMs: seconds * 1_000, perSecond });
  expectAll(result);
  return {
    p50: percentile(result.latencies, 0.5),
    p99: percentile(result.latencies, 0.99),
    lateP99: percentile(result.lateness, 0.99),
  };
}

/** So many invocations before it counts: how often something was called decides whether it is compiled, and not when. */
export async function warmUp({ target }: Side, invocations: number): Promise<void> {
  const all = { ...target, body, connections };
  const until = performance.now() + warmUpMostMs;
  for (let answered = 0; answered < invocations && performance.now() < until;) {
    const result = await load({ ...all, durationMs: warmUpPieceMs });
    expectAll(result);
    answered += result.answered;
  }
}

function expectAll({ answered, failed }: LoadResult): void {
  if (failed > 0) throw new Error(`${failed} of ${answered + failed} invocations failed`);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
