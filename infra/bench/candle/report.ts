import { median, table } from '../figures.ts';
import { ways } from './measure.ts';
import type { Measured, Way } from './measure.ts';
import { models } from './work.ts';
import type { ModelName } from './work.ts';

export interface Result {
  model: ModelName;
  way: Way;
  rounds: Measured[];
  /** The middle ones of the rounds, in ms. */
  p50: number;
  p99: number;
  /** How much longer the p50 is than that of the session alone in the same round, in ms: the middle one. */
  overheadMs: number;
}

export function resultsOf(rounds: readonly Measured[][]): Result[] {
  return models.flatMap((model) => ways.map((way) => resultOf(model, way, rounds)));
}

function resultOf(model: ModelName, way: Way, rounds: readonly Measured[][]): Result {
  const all = (of: Way): Measured[] =>
    rounds.flatMap((round) => round.filter((one) => one.model === model && one.way === of));
  const [own, alone] = [all(way), all('alone')];
  return {
    ...{ model, way, rounds: own },
    p50: median(own.map((one) => one.p50)),
    p99: median(own.map((one) => one.p99)),
    overheadMs: median(own.map((one, i) => one.p50 - (alone[i]?.p50 ?? NaN))),
  };
}

/** What is not as it has to be, a sentence each. Nothing is promised of how long it takes. */
export function flawsOf(results: readonly Result[]): string[] {
  const missing = results.filter(({ p50, overheadMs }) => !(p50 > 0) || Number.isNaN(overheadMs));
  if (results.length === 0) return ['nothing was measured'];
  return missing.map(({ model, way }) => `the ${model} model was not measured: ${way}`);
}

export function describe(results: readonly Result[]): string {
  const head = ['a run, one at a time', 'p50 ms', 'p99 ms', 'more than alone, µs'];
  const rows = results.map(({ model, way, p50, p99, overheadMs }) => [
    `${model}, ${way}`,
    p50.toFixed(3),
    p99.toFixed(2),
    way === 'alone' ? '' : (overheadMs * 1_000).toFixed(0),
  ]);
  return table([head, ...rows]);
}
