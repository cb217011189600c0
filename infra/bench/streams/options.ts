import { parseArgs } from 'node:util';
import { readAmount, readSome } from '../options.ts';

export const parts = ['slow', 'many', 'rates'] as const;
export type Part = (typeof parts)[number];

/** Down as bytes, as server-sent events, over `/ws`; and up. */
export const slowWays = ['bytes', 'sse', 'ws', 'upload'] as const;
export type SlowWay = (typeof slowWays)[number];

export const manyWays = ['sse', 'ws', 'nats'] as const;
export type ManyWay = (typeof manyWays)[number];

export interface Options {
  parts: Part[];
  ways: SlowWay[];
  /** What goes through to or from a slow reader. */
  megabytes: number;
  slowSeconds: number;
  /** MB a second, while it is slow. */
  slowRate: number;
  /** At the same time. */
  streams: number;
  /** Of each of these. */
  chunks: number;
  /** Of the rates, and how long each way has in each. */
  rounds: number;
  seconds: number;
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: 'string', default: parts.join(',') },
      ways: { type: 'string', default: slowWays.join(',') },
      megabytes: { type: 'string', default: '2000' },
      'slow-seconds': { type: 'string', default: '60' },
      'slow-rate': { type: 'string', default: '1' },
      streams: { type: 'string', default: '1000' },
      chunks: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    parts: readSome('parts', values.parts, parts),
    ways: readSome('ways', values.ways, slowWays),
    megabytes: readAmount('megabytes', values.megabytes, 1, 100_000),
    slowSeconds: readAmount('slow-seconds', values['slow-seconds'], 0, 3_000),
    slowRate: readAmount('slow-rate', values['slow-rate'], 1, 1_000),
    streams: readAmount('streams', values.streams, 1, 2_000),
    chunks: readAmount('chunks', values.chunks, 2, 1_000_000),
    rounds: readAmount('rounds', values.rounds, 1, 100),
    seconds: readAmount('seconds', values.seconds, 1, 600),
    isJson: values.json,
  };
}
