import { setTimeout as delay } from 'node:timers/promises';
import { requestOf } from './load.ts';
import type { Load, LoadResult } from './load.ts';
import { Wires } from './wires.ts';

export interface PacedLoad extends Load {
  perSecond: number;
}

export interface PacedResult extends LoadResult {
  /** How long after they were due requests were sent, in ms, sorted: what no server can help. */
  lateness: number[];
}

/**
 * POSTs the same request at a fixed rate over kept-alive connections, each with one request at a time. Latencies count from
 * when a request was due: one that finds no free connection waits for it on the server's account.
 */
export async function pacedLoad(options: PacedLoad): Promise<PacedResult> {
  const { port, connections, durationMs, perSecond } = options;
  const request = requestOf(options);
  const result: PacedResult = { answered: 0, failed: 0, durationMs: 0, latencies: [], lateness: [] };
  using wires = new Wires({ port, most: connections });
  // All of them are open before it counts.
  await Promise.all(Array.from({ length: connections }, () => wires.ask(request)));
  const total = Math.floor((durationMs * perSecond) / 1_000);
  const startedAt = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let seq = next++; seq < total; seq = next++) {
      const dueAt = startedAt + (seq * 1_000) / perSecond;
      // A timer cuts off the fraction of its time, and so may come early.
      for (let left = dueAt - performance.now(); left > 0; left = dueAt - performance.now())
        await delay(left);
      result.lateness.push(performance.now() - dueAt);
      const status = await wires.ask(request);
      if (status === 200) {
        result.answered += 1;
        result.latencies.push(performance.now() - dueAt);
      } else result.failed += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  result.durationMs = performance.now() - startedAt;
  for (const times of [result.latencies, result.lateness]) times.sort((a, b) => a - b);
  return result;
}
