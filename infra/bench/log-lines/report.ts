import { median, table } from '../figures.ts';
import { partNames } from '../replace/mesh.ts';
import type { PartName } from '../replace/mesh.ts';
import { eachPart } from './measure.ts';
import type { Measured } from './measure.ts';

/** Of records that the supervisor publishes for an instance, as `log-capture.ts` has it; the rest is in its log file. */
const busBytesPerSecond = 1_000_000;
/** Of that: a rate is not exact. */
const surely = 0.9;

export interface Result {
  rate: number;
  rounds: Measured[];
  /** Over all rounds. */
  printed: number;
  delivered: number;
  told: number;
  disordered: number;
  /** Bytes of records a second, of what may be published. */
  share: number;
  /** The middle ones of the rounds. */
  recordBytes: number;
  p50: number;
  p99: number;
  cpu: Record<PartName, number>;
}

export function resultOf(rate: number, rounds: Measured[]): Result {
  const middle = (of: (one: Measured) => number): number => median(rounds.map(of));
  const sum = (of: (one: Measured) => number): number => rounds.reduce((all, one) => all + of(one), 0);
  const recordBytes = middle((one) => one.recordBytes);
  return {
    rate,
    rounds,
    printed: sum((one) => one.printed),
    delivered: sum((one) => one.delivered),
    told: sum(({ told }) => told.unpublished + told.dropped + told.skipped),
    disordered: sum((one) => one.disordered),
    share: (rate * recordBytes) / busBytesPerSecond,
    recordBytes,
    p50: middle((one) => one.p50),
    p99: middle((one) => one.p99),
    cpu: eachPart((name) => middle((one) => one.cpu[name])),
  };
}

/** What is not as it has to be, a sentence each. */
export function flawsOf(results: readonly Result[]): string[] {
  if (results.length === 0) return ['nothing was measured'];
  return results.flatMap(({ rate, printed, delivered, told, disordered, share }) => {
    const lines = `of ${printed} lines at ${rate} a second`;
    return [
      !(delivered + told >= printed) &&
        `${lines} ${printed - delivered - told} are missing, and nobody says so`,
      share <= surely &&
        delivered < printed &&
        `${lines} only ${delivered} came, though all of them might be published`,
      disordered > 0 && `${lines} ${disordered} came twice or in the wrong order`,
    ].filter((flaw) => flaw !== false);
  });
}

export function describe(results: readonly Result[]): string {
  const head = [
    'lines a second',
    'printed',
    'came',
    'told',
    'of the bound',
    'p50 ms',
    'p99 ms',
    ...partNames.map((name) => `${name} µs`),
  ];
  const rows = results.map(({ rate, printed, delivered, told, share, p50, p99, cpu }) => [
    String(rate),
    String(printed),
    String(delivered),
    String(told),
    share.toFixed(2),
    p50.toFixed(1),
    p99.toFixed(1),
    ...partNames.map((name) => cpu[name].toFixed(1)),
  ]);
  return `${table([head, ...rows])}\n\n${boundOf(results)}`;
}

function boundOf(results: readonly Result[]): string {
  const whole = results.filter(({ delivered, printed }) => delivered === printed).map(({ rate }) => rate);
  const recordBytes = median(results.map((one) => one.recordBytes));
  const bound = Math.floor(busBytesPerSecond / recordBytes);
  return (
    `all came at up to ${Math.max(0, ...whole)} lines a second; a record has ${recordBytes.toFixed(0)} bytes, ` +
    `of which ${busBytesPerSecond} a second are published of an instance: ${bound} lines`
  );
}
