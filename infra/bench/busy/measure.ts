import { completeConfig } from '@bkg/sdk';
import type { PluginConfig, RegistryEntry } from '@bkg/sdk';
import { startNatsServer } from '@bkg/sdk/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../figures.ts';
import { Program } from '../program.ts';
import type { GatewayOptions } from '../programs/gateway.ts';
import type { WorkerOptions } from '../programs/worker.ts';
import { entryOf } from '../registry-entry.ts';
import { Wires } from '../wires.ts';
import { defineWorker, worker } from './plugin.ts';

/**
 * - `queue group`: each instance lets as many wait as come, as one does that knows nothing of a bound.
 * - `bounded`: who has no place says `BUSY` at once, and that is the answer.
 * - `second try`: then the gateway tries another instance, by its own subject.
 */
export const sides = ['queue group', 'bounded', 'second try'] as const;
export type Side = (typeof sides)[number];

export interface Measured {
  sent: number;
  /** With another status than 200. */
  failed: number;
  /** How often, by status. */
  failures: Record<string, number>;
  /** Of the others, in ms from when each was due. */
  p50: number;
  p99: number;
}

/** How long an invocation takes on each of them. */
const instancesMs = [20, 20, 200];
const maxConcurrency = 4;
const maxQueue = 8;
/** As good as none. */
const unboundedQueue = 1_000_000;
/** What has not been answered until then never will be of use. */
const timeoutMs = 5_000;
/** All that may have no answer yet. */
const underWayMost = 8_000;
/** Compilers and validators have their turn, and queues their length, before it counts. */
const warmUpMs = 1_000;

/** Invocations a second that all instances can do. */
export const capacity = instancesMs.reduce((sum, ms) => sum + (maxConcurrency * 1_000) / ms, 0);

/** Three instances, one ten times slower than the others, that are invoked at a fixed rate over HTTP. */
export async function measure(side: Side, perSecond: number, seconds: number): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNatsServer({ jetstream: false }));
  const { url, credentials } = nats;
  const max_queue = side === 'queue group' ? unboundedQueue : maxQueue;
  const config: Partial<PluginConfig> = {
    replicas: instancesMs.length,
    limits: { max_concurrency: maxConcurrency, max_queue },
  };
  const instances: RegistryEntry['instances'] = [];
  for (const [i, ms] of instancesMs.entries()) {
    const instance = `bench-${i}`;
    const options: WorkerOptions = { url, credentials, instance, ms, config };
    const program = stack.use(await Program.start('worker.ts', options));
    instances.push({ ...row, instance, pid: program.pid, started_at: new Date().toISOString() });
  }
  // A gateway that knows of no other instance has none to try.
  const known = side === 'second try' ? instances : [];
  const entries = [entryOf(defineWorker(0), completeConfig(worker, config), known)];
  const options: GatewayOptions = { url, credentials, joinWrites: true, entries, noAuth: true };
  const gateway = stack.use(await Program.start('gateway.ts', options));
  using wires = new Wires({ port: Number(gateway.ready), most: underWayMost });
  return await offer(wires, Number(gateway.ready), perSecond, seconds);
}

const row = { status: 'running', version: '1.0.0', host: 'bench', managed: false } as const;

/** Sends at a fixed rate, whatever becomes of it; what is sent late counts from when it was due. */
async function offer(wires: Wires, port: number, perSecond: number, seconds: number): Promise<Measured> {
  const request = requestTo(port);
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  const underWay: Promise<void>[] = [];
  const startedAt = performance.now();
  const total = Math.floor(((seconds * 1_000 + warmUpMs) * perSecond) / 1_000);
  let [sent, failed] = [0, 0];
  const one = async (dueAt: number): Promise<void> => {
    const status = await wires.ask(request);
    if (dueAt < startedAt + warmUpMs) return;
    sent += 1;
    if (status === 200) latencies.push(performance.now() - dueAt);
    else {
      failed += 1;
      failures[status] = (failures[status] ?? 0) + 1;
    }
  };
  while (underWay.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) * perSecond) / 1_000));
    while (underWay.length < due) underWay.push(one(startedAt + (underWay.length * 1_000) / perSecond));
    await delay(1);
  }
  await Promise.all(underWay);
  latencies.sort((a, b) => a - b);
  return { sent, failed, failures, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

function requestTo(port: number): string {
  return [
    `POST /api/plugins/${worker}/invoke/work HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    'Content-Length: 2',
    `Bkg-Timeout-Ms: ${timeoutMs}`,
    '',
    '{}',
  ].join('\r\n');
}
