import { formatCount, formatDuration, formatMemory, formatPercent, formatRate } from '../format.ts';
import type { Metric } from './rates.ts';

export interface ChartLine {
  metric: Metric;
  label: string;
}

export interface ChartKind {
  title: string;
  lines: ChartLine[];
  /** The axis reaches at least so far, so that noise near zero does not look like news. */
  least: number;
  format: (value: number) => string;
}

const count = (value: number) => (Number.isInteger(value) ? formatCount(value) : value.toFixed(1));

const latencyLines: ChartLine[] = [
  { metric: 'p50', label: 'p50' },
  { metric: 'p95', label: 'p95' },
  { metric: 'p99', label: 'p99' },
];
const inFlightLines: ChartLine[] = [
  { metric: 'inFlight', label: 'in flight' },
  { metric: 'queued', label: 'queued' },
];
const one = (metric: Metric, label: string): ChartLine[] => [{ metric, label }];

/** What is known of a plugin beside its counts, which every NATS service keeps. */
export interface Measures {
  /** CPU and memory: of its own, or its supervisor's for a process it runs. */
  process: boolean;
  /** What happens inside: the single invocations, event loop, queue. Without it only an average time is known. */
  inside: boolean;
}

export function chartsFor({ process, inside }: Measures): ChartKind[] {
  return [
    { title: 'Requests', lines: one('requests', 'requests'), least: 1, format: formatRate },
    { title: 'Errors', lines: one('errors', 'errors'), least: 1, format: formatRate },
    inside
      ? { title: 'Latency', lines: latencyLines, least: 1, format: formatDuration }
      : { title: 'Latency, average', lines: one('p50', 'average'), least: 1, format: formatDuration },
    ...(inside ? [{ title: 'In flight and queued', lines: inFlightLines, least: 2, format: count }] : []),
    ...(process
      ? [
          { title: 'CPU', lines: one('cpu', 'CPU'), least: 10, format: formatPercent },
          { title: 'Memory', lines: one('memory', 'memory'), least: 16, format: formatMemory },
        ]
      : []),
    ...(inside
      ? [{ title: 'Event loop lag', lines: one('lag', 'lag'), least: 10, format: formatDuration }]
      : []),
  ];
}

export const ranges = { '10m': 10 * 60_000, all: Infinity } as const;
export type Range = keyof typeof ranges;

export function isRange(value: unknown): value is Range {
  return typeof value === 'string' && Object.hasOwn(ranges, value);
}
