import { median, table } from '../figures.ts';
import type { Measured, Side } from './measure.ts';

export interface Result {
  side: Side;
  rate: number;
  sockets: number;
  rounds: Measured[];
  /** Over all rounds. */
  expected: number;
  received: number;
  faults: number;
  /** The middle ones of the rounds. */
  p50: number;
  p99: number;
  cpu: { server: number; broker: number };
  kilobytesPerSocket: number;
  /** Of the middle ones of the bare server. */
  ratio: { p50: number; p99: number; cpu: number };
}

type Middle = Pick<Result, 'p50' | 'p99' | 'cpu' | 'kilobytesPerSocket'>;

/** @param rounds of each side, all of the same rate */
export function resultsOf(rounds: ReadonlyMap<Side, Measured[]>): Result[] {
  const bare = middleOf(rounds.get('bare') ?? []);
  return [...rounds].map(([side, all]) => {
    const middle = middleOf(all);
    const sum = (of: (one: Measured) => number): number => all.reduce((total, one) => total + of(one), 0);
    return {
      ...{ side, rate: all[0]?.rate ?? NaN, sockets: all[0]?.sockets ?? NaN, rounds: all },
      expected: sum((one) => one.expected),
      received: sum((one) => one.received),
      faults: sum((one) => one.faults),
      ...middle,
      ratio: {
        p50: middle.p50 / bare.p50,
        p99: middle.p99 / bare.p99,
        cpu: middle.cpu.server / bare.cpu.server,
      },
    };
  });
}

function middleOf(rounds: readonly Measured[]): Middle {
  const middle = (of: (one: Measured) => number): number => median(rounds.map(of));
  return {
    p50: middle((one) => one.p50),
    p99: middle((one) => one.p99),
    cpu: { server: middle((one) => one.cpu.server), broker: middle((one) => one.cpu.broker) },
    kilobytesPerSocket: middle((one) => one.kilobytesPerSocket),
  };
}

/** What is not as it has to be, a sentence each. */
export function flawsOf(results: readonly Result[]): string[] {
  if (!results.some(({ side }) => side === 'gateway')) return ['the gateway was not measured'];
  return results.flatMap(({ side, rate, sockets, expected, received, faults }) => {
    const to = `${side}, ${rate} events a second to ${sockets} sockets`;
    return [
      received !== expected && `${to}: ${received} of ${expected} came`,
      faults > 0 && `${to}: ${faults} came twice, in the wrong order or after a gap`,
    ].filter((flaw) => flaw !== false);
  });
}

export function describe(results: readonly Result[]): string {
  const head = [
    'events a second',
    'came',
    'p50 ms',
    'ratio',
    'p99 ms',
    'ratio',
    'server µs',
    'ratio',
    'broker µs',
    'KB a socket',
  ];
  const rows = results.map(({ side, rate, expected, received, p50, p99, cpu, ratio, kilobytesPerSocket }) => [
    `${rate}, ${side}`,
    `${received}/${expected}`,
    p50.toFixed(1),
    ratio.p50.toFixed(2),
    p99.toFixed(1),
    ratio.p99.toFixed(2),
    cpu.server.toFixed(2),
    ratio.cpu.toFixed(2),
    cpu.broker.toFixed(2),
    kilobytesPerSocket.toFixed(1),
  ]);
  return table([head, ...rows]);
}
