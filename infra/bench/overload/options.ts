import { parseArgs } from 'node:util';
import { readAmount, readSome } from '../options.ts';

/**
 * What is overloaded: a plugin that has so many places, one that has a rate limit, and the gateway itself, by a plugin that
 * answers at once.
 */
export const parts = ['work', 'rate', 'echo'] as const;
export type Part = (typeof parts)[number];

export const ways = ['http', 'ws', 'nats'] as const;
export type Way = (typeof ways)[number];

export interface Options {
  parts: Part[];
  ways: Way[];
  /** Of overload, for each part and way. */
  seconds: number;
  /** How many times as much is offered as can be done. */
  times: number;
  /** Invocations that may be without an answer at the same time; over HTTP each has a connection. */
  mostUnderWay: number;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: 'string', default: parts.join(',') },
      ways: { type: 'string', default: ways.join(',') },
      seconds: { type: 'string', default: '60' },
      times: { type: 'string', default: '10' },
      connections: { type: 'string', default: '1000' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    parts: readSome('parts', values.parts, parts),
    ways: readSome('ways', values.ways, ways),
    seconds: readAmount('seconds', values.seconds, 1, 3_600),
    times: readAmount('times', values.times, 2, 100),
    mostUnderWay: readAmount('connections', values.connections, 64, 4_000),
    isJson: values.json,
  };
}
