import { amount, defineOptions, isJson, named, words } from '../options.ts';
import type { ValuesOf } from '../options.ts';

/**
 * What is overloaded: a plugin that has so many places, one that has a rate limit, and the gateway itself, by a plugin that
 * answers at once.
 */
export const parts = ['work', 'rate', 'echo'] as const;
export type Part = (typeof parts)[number];

export const ways = ['http', 'ws', 'nats'] as const;
export type Way = (typeof ways)[number];

export const readOptions = defineOptions({
  parts: words(parts),
  ways: words(ways),
  /** Of overload, for each part and way. */
  seconds: amount(1, 3_600, 60),
  /** How many times as much is offered as can be done. */
  times: amount(2, 100, 10),
  /** Invocations that may be without an answer at the same time; over HTTP each has a connection. */
  mostUnderWay: named('connections', amount(64, 4_000, 1_000)),
  isJson,
});

export type Options = ValuesOf<typeof readOptions>;
