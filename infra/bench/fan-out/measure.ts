import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@bkg/sdk';
import { readProcessTotals } from '@bkg/sdk/host';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { percentile } from '../figures.ts';
import { cpuMs, Program } from '../program.ts';
import type { FanOptions } from '../programs/fan.ts';
import type { GatewayOptions } from '../programs/gateway.ts';
import { eventOf } from './event.ts';
import { Follower } from './follower.ts';
import type { FollowerOptions } from './follower.ts';

/**
 * - `bare`: `ws` and nats.js, each message to all sockets as it is.
 * - `gateway`: `/ws`, where each socket has subscribed to the log.
 */
export const sides = ['bare', 'gateway'] as const;
export type Side = (typeof sides)[number];

export interface Measured {
  rate: number;
  sockets: number;
  /** Events times sockets. */
  expected: number;
  received: number;
  /** Doubled, skipped, in the wrong order, or said to be missing. */
  faults: number;
  /** From publishing to each socket, in ms. */
  p50: number;
  p99: number;
  /** µs of one event to one socket. */
  cpu: Record<'server' | 'broker', number>;
  /** KB (10³ bytes) resident more than before the first socket, for each. */
  kilobytesPerSocket: number;
}

export interface Plan {
  sockets: number;
  rates: readonly number[];
  seconds: number;
}

const subject = subjects.event('fan', 'bench', 'log');
const eventBytes = 100;
const openAtATime = 50;
/** Everything has been compiled before it counts. */
const warmUp = { rate: 5, seconds: 1 };
/** What has not come until then never will. */
const lateMostMs = 10_000;

/** One side, fresh, with each rate in turn. */
export async function measure(side: Side, { sockets, rates, seconds }: Plan): Promise<Measured[]> {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startNatsServer({ jetstream: false }));
  const server = stack.use(await start(side, broker));
  const { user, password } = broker.credentials;
  const nats = stack.use(await connect({ servers: [broker.url], user, pass: password }));
  let latencies: number[] = [];
  const options: FollowerOptions = {
    port: Number(server.ready),
    onEvent: (ms) => void latencies.push(ms),
    ...(side === 'gateway' && {
      subscribe: { send: '{"op":"subscribe","id":"l","topic":"logs"}', answer: '"type":"snapshot"' },
    }),
  };
  const before = memoryOf(server.pid);
  const followers: Follower[] = [];
  stack.defer(() => followers.forEach((follower) => follower[Symbol.dispose]()));
  while (followers.length < sockets) {
    const some = Math.min(openAtATime, sockets - followers.length);
    followers.push(...(await Promise.all(Array.from({ length: some }, () => Follower.open(options)))));
  }
  const results: Measured[] = [];
  for (const { rate, seconds: forSeconds } of [warmUp, ...rates.map((rate) => ({ rate, seconds }))]) {
    latencies = [];
    for (const follower of followers) follower.reset();
    const [serverBefore, brokerBefore] = [cpuMs(server.pid), cpuMs(broker.pid)];
    const events = await publish(nats, rate, forSeconds);
    const received = (): number => followers.reduce((sum, one) => sum + one.received, 0);
    const expected = events * sockets;
    await eventually(() => received() >= expected, { withinMs: lateMostMs }).catch(() => undefined);
    const [serverMs, brokerMs] = [cpuMs(server.pid) - serverBefore, cpuMs(broker.pid) - brokerBefore];
    latencies.sort((a, b) => a - b);
    results.push({
      ...{ rate, sockets, expected, received: received() },
      faults: followers.reduce((sum, one) => sum + one.faults, 0),
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      cpu: { server: (serverMs * 1_000) / expected, broker: (brokerMs * 1_000) / expected },
      kilobytesPerSocket: (memoryOf(server.pid) - before) / 1_000 / sockets,
    });
  }
  return results.slice(1);
}

function start(side: Side, { url, credentials }: TestServer): Promise<Program> {
  const bare: FanOptions = { url, credentials, subject };
  const gateway: GatewayOptions = { url, credentials, joinWrites: true, noAuth: true };
  return side === 'bare' ? Program.start('fan.ts', bare) : Program.start('gateway.ts', gateway);
}

/** @returns how many */
async function publish(nats: NatsConnection, rate: number, seconds: number): Promise<number> {
  const startedAt = performance.now();
  const total = rate * seconds;
  for (let seq = 0; seq < total; seq += 1) {
    await delay(Math.max(0, startedAt + (seq * 1_000) / rate - performance.now()));
    nats.publish(subject, eventOf(seq, eventBytes));
  }
  await nats.flush();
  return total;
}

function memoryOf(pid: number): number {
  return readProcessTotals(pid)?.memoryBytes ?? NaN;
}
