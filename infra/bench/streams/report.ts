import { table } from '../figures.ts';
import type { MemoryUse } from '../memory.ts';
import type { ManyResult } from './many.ts';
import { isSlow } from './rates.ts';
import type { RateResult } from './rates.ts';
import type { SlowResult } from './slow.ts';
import { processes } from './stage.ts';
import type { ProcessName } from './stage.ts';

/** MB: what a process may grow by while much goes through it to a slow reader. */
const growthMostMb = 64;
/** Of a thousand streams: until all are open, and what each process may need for them, in MB. */
const openMostMs = 15_000;
const manyMostMb = 256;
/** What credit may cost: of what goes through without any, at least so much. */
const adaptiveLeast = { 100: 0.05, 16384: 0.15, 262144: 0.25 } as const;
/** Who takes so little has to get it. */
const slowLeast = 0.8;

export interface Results {
  slow: SlowResult[];
  many: ManyResult[];
  rates: RateResult[];
}

/** What is not as it has to be, a sentence each. */
export function flawsOf({ slow, many, rates }: Results): string[] {
  return [
    ...slow.flatMap(({ way, warm }) =>
      processes
        .filter((name) => !(warm.growth[name] <= growthMostMb))
        .map(
          (name) =>
            `${way}: ${name} has grown by ${warm.growth[name].toFixed(0)} MB, and may by ${growthMostMb}`,
        ),
    ),
    ...many.flatMap(({ way, streams, complete, failures, openMs, memory }) => [
      ...(complete < streams
        ? [`${way}: ${complete} of ${streams} streams were complete, one ended with: ${failures[0] ?? '?'}`]
        : []),
      ...(complete === streams && !(openMs <= openMostMs)
        ? [`${way}: it took ${openMs.toFixed(0)} ms to open them, and may take ${openMostMs}`]
        : []),
      ...processes
        .filter((name) => !(memory.growth[name] <= manyMostMb))
        .map(
          (name) =>
            `${way}: ${name} has grown by ${memory.growth[name].toFixed(0)} MB for ${streams} streams, and may by ${manyMostMb}`,
        ),
    ]),
    ...rates.flatMap(({ way, bytes, ratio }) => {
      const least = isSlow(way)
        ? slowLeast
        : way === 'nats'
          ? adaptiveLeast[bytes as keyof typeof adaptiveLeast]
          : 0;
      return ratio >= least
        ? []
        : [`${way}, ${bytes} B: ${ratio.toFixed(2)} of what it could be, and has to be ${least}`];
    }),
  ];
}

export function describe({ slow, many, rates }: Results): string {
  return [describeSlow(slow), describeMany(many), describeRates(rates)].filter(Boolean).join('\n\n');
}

function describeSlow(results: readonly SlowResult[]): string {
  if (results.length === 0) return '';
  const head = [
    'slow, then fast: growth in MB',
    'MB',
    'fast MB/s',
    ...processes,
    ...processes.map(fromStart),
  ];
  const rows = results.map(({ way, megabytes, perSecond, warm, cold }) => [
    way,
    megabytes.toFixed(0),
    perSecond.toFixed(1),
    ...growthOf(warm),
    ...growthOf(cold),
  ]);
  return table([head, ...rows]);
}

function fromStart(name: string): string {
  return `${name} from its start`;
}

function describeMany(results: readonly ManyResult[]): string {
  if (results.length === 0) return '';
  const head = ['at a time: growth in MB', 'streams', 'complete', 'open ms', 'chunks/s', ...processes];
  const rows = results.map(({ way, streams, complete, openMs, chunksPerSecond, memory }) => [
    way,
    String(streams),
    String(complete),
    openMs.toFixed(0),
    chunksPerSecond.toFixed(0),
    ...growthOf(memory),
  ]);
  return table([head, ...rows]);
}

function describeRates(results: readonly RateResult[]): string {
  if (results.length === 0) return '';
  const head = ['chunks', 'bytes', 'per s', 'MB/s', 'ratio', ...processes.map((name) => `${name} µs`)];
  const rows = results.map(({ way, bytes, rate, ratio }) => [
    way,
    String(bytes),
    rate.perSecond.toFixed(0),
    ((rate.perSecond * bytes) / 1_000_000).toFixed(1),
    ratio.toFixed(3),
    ...processes.map((name) => rate.cpu[name].toFixed(1)),
  ]);
  return table([head, ...rows]);
}

function growthOf({ growth }: MemoryUse<ProcessName>): string[] {
  return processes.map((name) => growth[name].toFixed(1));
}
