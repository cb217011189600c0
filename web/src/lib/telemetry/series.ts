import { metrics, type Metric, type Reading } from './rates.ts';

/** Readings over time, one column a figure. NaN is a moment without a value. */
export interface Columns {
  at: number[];
  values: Record<Metric, number[]>;
}

function emptyColumns(): Columns & { weight: number[] } {
  const values = Object.fromEntries(metrics.map((metric) => [metric, [] as number[]])) as Columns['values'];
  return { at: [], weight: [], values };
}

export interface SeriesOptions {
  /** The newest readings, each as it came. @default 300 */
  recentMost?: number;
  /** Of the whole time since the page was opened: when more, neighbours are joined. @default 400 */
  wholeMost?: number;
}

/** The shortest time that one row of the whole stands for. */
const firstStepMs = 1_000;

/**
 * What was measured since the page was opened, in bounded room: the last minutes reading by reading, the whole time
 * coarser and coarser.
 */
export class TelemetrySeries {
  readonly #options: Required<SeriesOptions>;
  #recent = emptyColumns();
  #whole = emptyColumns();
  #stepMs = firstStepMs;

  constructor({ recentMost = 300, wholeMost = 400 }: SeriesOptions = {}) {
    this.#options = { recentMost, wholeMost };
  }

  get recent(): Columns {
    return this.#recent;
  }

  get whole(): Columns {
    return this.#whole;
  }

  /** How much time a row of the whole stands for. */
  get wholeStepMs(): number {
    return this.#stepMs;
  }

  add(at: number, reading: Reading): void {
    push(this.#recent, at, reading, 1);
    // Rows leave in blocks: shifting a dozen lists at every reading would cost more than drawing them.
    if (this.#recent.at.length >= this.#options.recentMost * 1.2)
      drop(this.#recent, this.#options.recentMost);
    fold(this.#whole, at, reading, 1, this.#stepMs);
    while (this.#whole.at.length > this.#options.wholeMost) this.#coarsen();
  }

  #coarsen(): void {
    this.#stepMs *= 2;
    const finer = this.#whole;
    this.#whole = emptyColumns();
    for (const [i, at] of finer.at.entries()) {
      fold(this.#whole, at, readingAt(finer, i), finer.weight[i] ?? 1, this.#stepMs);
    }
  }
}

function readingAt(columns: Columns, i: number): Reading {
  return Object.fromEntries(metrics.map((metric) => [metric, columns.values[metric][i] ?? NaN])) as Reading;
}

type Weighted = Columns & { weight: number[] };

function push(columns: Weighted, at: number, reading: Reading, weight: number): void {
  columns.at.push(at);
  columns.weight.push(weight);
  for (const metric of metrics) columns.values[metric].push(reading[metric]);
}

function drop(columns: Weighted, most: number): void {
  columns.at = columns.at.slice(-most);
  columns.weight = columns.weight.slice(-most);
  for (const metric of metrics) columns.values[metric] = columns.values[metric].slice(-most);
}

/** Percentiles of percentiles are none: of the slow ones the slowest is kept, which promises nothing too good. */
const worst = new Set<Metric>(['p95', 'p99']);

/** Joins a reading to the last row when both lie in the same step, as the mean of both. */
function fold(columns: Weighted, at: number, reading: Reading, weight: number, stepMs: number): void {
  const last = columns.at.length - 1;
  if (last < 0 || Math.floor((columns.at[last] ?? 0) / stepMs) !== Math.floor(at / stepMs)) {
    return push(columns, at, reading, weight);
  }
  const before = columns.weight[last] ?? 1;
  columns.at[last] = at;
  columns.weight[last] = before + weight;
  for (const metric of metrics) {
    const [a, b] = [columns.values[metric][last] ?? NaN, reading[metric]];
    columns.values[metric][last] = worst.has(metric) ? larger(a, b) : mean(a, before, b, weight);
  }
}

function mean(a: number, weightOfA: number, b: number, weightOfB: number): number {
  if (Number.isNaN(a)) return b;
  if (Number.isNaN(b)) return a;
  return (a * weightOfA + b * weightOfB) / (weightOfA + weightOfB);
}

function larger(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
}
