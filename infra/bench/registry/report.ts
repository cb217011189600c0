import { table } from '../figures.ts';
import type { Result } from './measure.ts';

/** Percent of a core that supervisor and gateway may take together while nothing happens. */
const restMost = 10;

/** What is not as it has to be, a sentence each. */
export function flawsOf(result: Result): string[] {
  const { plugins, missing, listed, told, hears, rest } = result;
  const [first = ''] = hears.one;
  return [
    missing.plugins + missing.instances > 0 &&
      `the gateway lists ${missing.plugins} plugins and ${missing.instances} instances too few in full`,
    listed !== plugins && `bkg.registry.list has ${listed} of ${plugins} plugins`,
    told.plugins !== plugins && `a dashboard was told of ${told.plugins} of ${plugins} plugins`,
    told.telemetry !== plugins && `a dashboard got telemetry of ${told.telemetry} of ${plugins} plugins`,
    hears.nobody.length > 0 && `nobody looks, and the gateway hears ${hears.nobody.join(', ')}`,
    (hears.one.length !== 1 || first.startsWith('plugin.*')) &&
      `somebody looks at one plugin, and the gateway hears ${hears.one.join(', ')}`,
    hears.all.length !== 1 && `somebody looks at all, and the gateway hears ${hears.all.join(', ')}`,
    ...(['alone', 'watched'] as const).map((when) => {
      const used = rest[when].cpu.supervisor + rest[when].cpu.gateway;
      return (
        used >= restMost && `at rest (${when}) supervisor and gateway take ${used.toFixed(1)} % of a core`
      );
    }),
  ].filter((flaw) => flaw !== false);
}

export function describe(results: readonly Result[]): string {
  const row = (name: string, cell: (result: Result) => string): string[] => [name, ...results.map(cell)];
  const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  const latencies = Object.keys(results[0]?.latency ?? {}) as (keyof Result['latency'])[];
  const cpu = (result: Result, when: keyof Result['rest']): string => {
    const { supervisor, gateway, nats } = result.rest[when].cpu;
    return `${(supervisor + gateway).toFixed(1)} = ${supervisor.toFixed(1)} + ${gateway.toFixed(1)}; ${nats.toFixed(1)}`;
  };
  return table([
    row('plugins/instances', ({ plugins, instances }) => `${plugins}/${instances}`),
    row('listed in full, s after the last is running', (one) => (one.fullAfterMs / 1_000).toFixed(1)),
    row('all beat as they are to, s after that', (one) => (one.pacedAfterMs / 1_000).toFixed(1)),
    row('bkg.registry.list, KB', ({ listBytes }) => (listBytes / 1e3).toFixed(0)),
    ...latencies.map((name) =>
      row(`${name}, ms p50/p99`, ({ latency }) => `${ms(latency[name].p50)}/${ms(latency[name].p99)}`),
    ),
    row('heartbeats a second', ({ rest }) => rest.alone.heartbeats.toFixed(1)),
    row('at rest, % of a core: supervisor + gateway; nats', (one) => cpu(one, 'alone')),
    row('the same with a dashboard', (one) => cpu(one, 'watched')),
    row('telemetry frames to it a second', (one) => one.telemetryFrames.toFixed(1)),
    row('memory, MB: supervisor, gateway, nats', ({ memoryMb: { supervisor, gateway, nats } }) =>
      [supervisor, gateway, nats].map((mb) => mb.toFixed(0)).join(', '),
    ),
  ]);
}
