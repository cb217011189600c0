import { startNatsServer } from '@bkg/sdk/testing';
import { median, percentile, table } from './figures.ts';
import { load } from './load.ts';
import { amount, defineOptions, optionsOrEnd } from './options.ts';
import { cpuMs, Program } from './program.ts';

/**
 * What it brings to send everything of one turn of the event loop in one write: in the gateway, in the plugin, in both,
 * in neither; under load and for a client alone. Every side is started fresh in each round, rounds are interleaved.
 *
 *   node infra/bench/joined-writes.ts [--rounds 7] [--seconds 3]
 */
const { rounds, seconds } = optionsOrEnd(
  defineOptions({ rounds: amount(1, 100, 7), seconds: amount(1, 600, 3) }),
);
const durationMs = seconds * 1_000;
const path = '/api/plugins/echo/invoke/say';
const body = JSON.stringify({ text: 'x'.repeat(100) });

const sides = {
  neither: { gateway: false, plugin: false },
  gateway: { gateway: true, plugin: false },
  plugin: { gateway: false, plugin: true },
  both: { gateway: true, plugin: true },
} as const;
type Side = keyof typeof sides;

const situations = {
  '64 at a time, answered at once': { connections: 64, mostMs: 0 },
  '64 at a time, answered within 5 ms': { connections: 64, mostMs: 5 },
  'one at a time': { connections: 1, mostMs: 0 },
} as const;
type Situation = keyof typeof situations;

interface Figures {
  perSecond: number;
  p50: number;
  p99: number;
  /** CPU in µs per invocation. */
  gateway: number;
  plugin: number;
  broker: number;
}

for (const situation of Object.keys(situations) as Situation[]) {
  const figures = new Map<Side, Figures[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const side of Object.keys(sides) as Side[]) {
      figures.set(side, [...(figures.get(side) ?? []), await measure(situation, side)]);
    }
  }
  print(situation, figures);
}

async function measure(situation: Situation, side: Side): Promise<Figures> {
  const { connections, mostMs } = situations[situation];
  await using nats = await startNatsServer({ jetstream: false });
  const { url, credentials } = nats;
  await using echo = await Program.start('echo.ts', {
    url,
    credentials,
    mostMs,
    joinWrites: sides[side].plugin,
  });
  await using gateway = await Program.start('gateway.ts', {
    url,
    credentials,
    joinWrites: sides[side].gateway,
    noAuth: true,
  });
  const target = { port: Number(gateway.ready), path, body, connections };
  // Compilers and validators have their turn before it counts.
  await load({ ...target, durationMs: 1_000 });
  const pids = [gateway.pid, echo.pid, nats.pid];
  const before = pids.map(cpuMs);
  const { answered, failed, latencies, durationMs: tookMs } = await load({ ...target, durationMs });
  const after = pids.map(cpuMs);
  if (failed > 0) throw new Error(`${failed} of ${answered + failed} invocations failed`);
  const [gatewayCpu = 0, pluginCpu = 0, brokerCpu = 0] = after.map(
    (ms, i) => ((ms - (before[i] ?? 0)) * 1_000) / answered,
  );
  return {
    perSecond: (answered * 1_000) / tookMs,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    gateway: gatewayCpu,
    plugin: pluginCpu,
    broker: brokerCpu,
  };
}

function print(situation: Situation, figures: ReadonlyMap<Side, Figures[]>): void {
  const middle = (side: Side, pick: (one: Figures) => number): number =>
    median((figures.get(side) ?? []).map(pick));
  const cpu = (one: Figures): number => one.gateway + one.plugin + one.broker;
  const rows = (Object.keys(sides) as Side[]).map((side) => [
    side,
    middle(side, (one) => one.perSecond).toFixed(0),
    (middle(side, (one) => one.perSecond) / middle('neither', (one) => one.perSecond)).toFixed(2),
    middle(side, (one) => one.gateway).toFixed(0),
    middle(side, (one) => one.plugin).toFixed(0),
    middle(side, (one) => one.broker).toFixed(0),
    (middle(side, cpu) / middle('neither', cpu)).toFixed(2),
    middle(side, (one) => one.p50).toFixed(2),
    middle(side, (one) => one.p99).toFixed(2),
  ]);
  const head = [
    'joined in',
    'per s',
    'ratio',
    'gateway µs',
    'plugin µs',
    'broker µs',
    'CPU ratio',
    'p50 ms',
    'p99 ms',
  ];
  console.log(`\n${situation}: medians of ${rounds} rounds\n${table([head, ...rows])}`);
}
