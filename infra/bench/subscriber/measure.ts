import { connect } from '@nats-io/transport-node';
import { subjects } from '@bkg/sdk';
import { startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { percentile } from '../figures.ts';
import { cpuMs, Program } from '../program.ts';
import type { EchoOptions } from '../programs/echo.ts';
import type { SubscriberOptions } from '../programs/subscriber.ts';
import { call } from './caller.ts';

/**
 * - `bare`: a callback of nats.js, which parses the request and writes the answer.
 * - `sdk`: a plugin as anybody writes it, with validation of both, limits, telemetry and all else that comes with it.
 */
export const sides = ['bare', 'sdk'] as const;
export type Side = (typeof sides)[number];

export interface Measured {
  inFlight: number;
  perSecond: number;
  /** In ms. */
  p50: number;
  p99: number;
  /** CPU in µs of an invocation. */
  cpu: Record<'subscriber' | 'broker' | 'caller', number>;
  /** Of a core, which the subscriber used: well below 1 it was not what all waited for. */
  busy: number;
}

const subject = subjects.invokeCapability('echo', 'say');
const body = JSON.stringify({ text: 'x'.repeat(100) });
/** Compilers and validators have their turn before it counts. */
const warmUpMs = 1_000;

/** One side, fresh, with each number in flight in turn. */
export async function measure(side: Side, inFlight: readonly number[], seconds: number): Promise<Measured[]> {
  await using broker = await startNatsServer({ jetstream: false });
  await using subscriber = await start(side, broker);
  const { user, password } = broker.credentials;
  await using nats = await connect({ servers: [broker.url], user, pass: password });
  await call(nats, { subject, body, inFlight: 64, durationMs: warmUpMs });
  const pids = { subscriber: subscriber.pid, broker: broker.pid, caller: process.pid };
  const results: Measured[] = [];
  for (const count of inFlight) {
    const before = eachCpu(pids);
    const { answered, durationMs, latencies } = await call(nats, {
      ...{ subject, body, inFlight: count },
      durationMs: seconds * 1_000,
    });
    const after = eachCpu(pids);
    const used = (name: keyof typeof pids): number => after[name] - before[name];
    const perInvocation = (name: keyof typeof pids): number => (used(name) * 1_000) / answered;
    results.push({
      inFlight: count,
      perSecond: (answered * 1_000) / durationMs,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      cpu: {
        subscriber: perInvocation('subscriber'),
        broker: perInvocation('broker'),
        caller: perInvocation('caller'),
      },
      busy: used('subscriber') / durationMs,
    });
  }
  return results;
}

function start(side: Side, { url, credentials }: TestServer): Promise<Program> {
  const plugin: EchoOptions = { url, credentials, joinWrites: true, mostMs: 0 };
  const bare: SubscriberOptions = { url, credentials, subject };
  return side === 'sdk' ? Program.start('echo.ts', plugin) : Program.start('subscriber.ts', bare);
}

function eachCpu(pids: Record<'subscriber' | 'broker' | 'caller', number>): typeof pids {
  return { subscriber: cpuMs(pids.subscriber), broker: cpuMs(pids.broker), caller: cpuMs(pids.caller) };
}
