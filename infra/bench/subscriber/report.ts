import { median, table } from '../figures.ts';
import type { Measured, Side } from './measure.ts';

/** Of the throughput of the bare subscriber, from two requests in flight on. */
const throughputLeast = 0.9;

export interface Result {
  side: Side;
  inFlight: number;
  rounds: Measured[];
  /** The middle ones of the rounds. */
  middle: Measured;
  /** Of the middle ones of the bare subscriber. */
  ratio: { perSecond: number; p50: number; p99: number; cpu: number };
}

/** @param rounds of each side, all with the same number in flight */
export function resultsOf(rounds: ReadonlyMap<Side, Measured[]>): Result[] {
  const bare = middleOf(rounds.get('bare') ?? []);
  return [...rounds].map(([side, all]) => {
    const middle = middleOf(all);
    return {
      ...{ side, inFlight: middle.inFlight, rounds: all, middle },
      ratio: {
        perSecond: middle.perSecond / bare.perSecond,
        p50: middle.p50 / bare.p50,
        p99: middle.p99 / bare.p99,
        cpu: serverCpu(middle) / serverCpu(bare),
      },
    };
  });
}

function middleOf(rounds: readonly Measured[]): Measured {
  const middle = (of: (one: Measured) => number): number => median(rounds.map(of));
  return {
    inFlight: rounds[0]?.inFlight ?? NaN,
    perSecond: middle((one) => one.perSecond),
    p50: middle((one) => one.p50),
    p99: middle((one) => one.p99),
    cpu: {
      subscriber: middle((one) => one.cpu.subscriber),
      broker: middle((one) => one.cpu.broker),
      caller: middle((one) => one.cpu.caller),
    },
    busy: middle((one) => one.busy),
  };
}

/** Without the caller's. */
function serverCpu({ cpu }: Measured): number {
  return cpu.subscriber + cpu.broker;
}

/** What is not as it has to be, a sentence each. */
export function flawsOf(results: readonly Result[]): string[] {
  const plugins = results.filter(({ side }) => side === 'sdk');
  if (plugins.length === 0) return ['the plugin was not measured'];
  return plugins
    .filter(({ inFlight, ratio }) => inFlight !== 1 && !(ratio.perSecond >= throughputLeast))
    .map(
      ({ inFlight, ratio }) =>
        `with ${inFlight} in flight the plugin answers ${ratio.perSecond.toFixed(2)} of what the bare subscriber does, and has to ${throughputLeast}`,
    );
}

export function describe(results: readonly Result[]): string {
  const head = [
    'in flight',
    'per s',
    'ratio',
    'subscriber µs',
    'broker µs',
    'both, ratio',
    'caller µs',
    'busy',
    'p50 ms',
    'ratio',
    'p99 ms',
    'ratio',
  ];
  const rows = results.map(({ side, inFlight, middle, ratio }) => [
    `${inFlight}, ${side}`,
    middle.perSecond.toFixed(0),
    ratio.perSecond.toFixed(2),
    middle.cpu.subscriber.toFixed(1),
    middle.cpu.broker.toFixed(1),
    ratio.cpu.toFixed(2),
    middle.cpu.caller.toFixed(1),
    middle.busy.toFixed(2),
    middle.p50.toFixed(3),
    ratio.p50.toFixed(2),
    middle.p99.toFixed(2),
    ratio.p99.toFixed(2),
  ]);
  return table([head, ...rows]);
}
