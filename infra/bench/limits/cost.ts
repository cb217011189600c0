import { startNatsServer } from '@bkg/sdk/testing';
import type { PluginConfig } from '@bkg/sdk';
import { median, percentile, table } from '../figures.ts';
import { load } from '../load.ts';
import { amount, defineOptions, optionsOrEnd } from '../options.ts';
import { cpuMs, Program } from '../program.ts';
import { limitedTo, limitedEntry } from './limited-entry.ts';

/**
 * What rate limits cost an invocation that they let through, in the gateway and in the instance. Every side is started
 * fresh in each round, rounds are interleaved.
 *
 *   node infra/bench/limits/cost.ts [--rounds 7] [--seconds 3]
 */
const { rounds, seconds } = optionsOrEnd(
  defineOptions({ rounds: amount(1, 100, 7), seconds: amount(1, 600, 3) }),
);

/** So much that nothing is ever refused. */
const wide = { rate_per_second: 1_000_000, burst: 1_000_000 };
const sides = {
  none: {},
  plugin: wide,
  'plugin and capability': { ...wide, capabilities: { say: wide } },
} satisfies Record<string, Partial<PluginConfig['limits']>>;
type Side = keyof typeof sides;

interface Figures {
  perSecond: number;
  p50: number;
  /** CPU in µs per invocation. */
  gateway: number;
  plugin: number;
}

const figures = new Map<Side, Figures[]>();
for (let round = 0; round < rounds; round += 1) {
  for (const side of Object.keys(sides) as Side[])
    figures.set(side, [...(figures.get(side) ?? []), await measure(sides[side])]);
}
const middle = (side: Side, pick: keyof Figures): number =>
  median((figures.get(side) ?? []).map((one) => one[pick]));
const rows = (Object.keys(sides) as Side[]).map((side) => [
  side,
  middle(side, 'perSecond').toFixed(0),
  (middle(side, 'perSecond') / middle('none', 'perSecond')).toFixed(3),
  middle(side, 'gateway').toFixed(1),
  middle(side, 'plugin').toFixed(1),
  middle(side, 'p50').toFixed(3),
]);
const head = ['limits', 'per s', 'ratio', 'gateway µs', 'plugin µs', 'p50 ms'];
console.log(`64 at a time: medians of ${rounds} rounds\n${table([head, ...rows])}`);

async function measure(limits: Partial<PluginConfig['limits']>): Promise<Figures> {
  await using nats = await startNatsServer({ jetstream: false });
  const { url, credentials } = nats;
  const broker = { url, credentials, joinWrites: true };
  await using echo = await Program.start('echo.ts', { ...broker, mostMs: 0, config: limitedTo(limits) });
  await using gateway = await Program.start('gateway.ts', {
    ...broker,
    entries: [limitedEntry(limits)],
    noAuth: true,
  });
  const body = JSON.stringify({ text: 'x'.repeat(100) });
  const target = { port: Number(gateway.ready), path: '/api/plugins/echo/invoke/say', body, connections: 64 };
  // Compilers and validators have their turn before it counts.
  await load({ ...target, durationMs: 1_000 });
  const pids = [gateway.pid, echo.pid];
  const before = pids.map(cpuMs);
  const result = await load({ ...target, durationMs: seconds * 1_000 });
  const { answered, failed, latencies, durationMs } = result;
  if (failed > 0) throw new Error(`${failed} of ${answered + failed} invocations failed`);
  const [gatewayCpu = 0, pluginCpu = 0] = pids.map(
    (pid, i) => ((cpuMs(pid) - (before[i] ?? 0)) * 1_000) / answered,
  );
  return {
    perSecond: (answered * 1_000) / durationMs,
    p50: percentile(latencies, 0.5),
    gateway: gatewayCpu,
    plugin: pluginCpu,
  };
}
