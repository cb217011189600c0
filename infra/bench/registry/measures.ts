import { setTimeout as delay } from 'node:timers/promises';
import { readProcessTotals } from '@bkg/sdk/host';
import { cpuMs } from '../program.ts';
import { percentile } from '../figures.ts';
import type { Stage } from './stage.ts';

/** Of many of the same, in ms. */
export interface Latency {
  p50: number;
  p99: number;
}

/** One at a time, so often. */
export async function latencyOf(times: number, act: (i: number) => Promise<unknown>): Promise<Latency> {
  const tookMs: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const startedAt = performance.now();
    await act(i);
    tookMs.push(performance.now() - startedAt);
  }
  return summary(tookMs);
}

export function summary(values: readonly number[]): Latency {
  const sorted = [...values].sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/** What was used while nobody wanted anything. */
export interface Rest {
  /** Percent of a core. */
  cpu: Record<keyof Stage['pids'], number>;
  /** A second, of all instances together. */
  heartbeats: number;
}

export async function measureRest({ pids, mesh }: Stage, seconds: number): Promise<Rest> {
  const used = (): Record<keyof Stage['pids'], number> => each(pids, cpuMs);
  const [before, beats, startedAt] = [used(), (await mesh.look()).heartbeats, performance.now()];
  await delay(seconds * 1_000);
  const tookMs = performance.now() - startedAt;
  const after = used();
  return {
    cpu: {
      supervisor: ((after.supervisor - before.supervisor) * 100) / tookMs,
      gateway: ((after.gateway - before.gateway) * 100) / tookMs,
      nats: ((after.nats - before.nats) * 100) / tookMs,
    },
    heartbeats: (((await mesh.look()).heartbeats - beats) * 1_000) / tookMs,
  };
}

/** Resident, in MB. */
export function memoryOf({ pids }: Stage): Record<keyof Stage['pids'], number> {
  return each(pids, (pid) => (readProcessTotals(pid)?.memoryBytes ?? NaN) / 1e6);
}

function each(pids: Stage['pids'], measure: (pid: number) => number): Record<keyof Stage['pids'], number> {
  return {
    supervisor: measure(pids.supervisor),
    gateway: measure(pids.gateway),
    nats: measure(pids.nats),
  };
}
