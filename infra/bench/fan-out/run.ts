import { runBenchmark } from '../command.ts';
import { measure, sides } from './measure.ts';
import type { Measured, Side } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf, resultsOf } from './report.ts';

/**
 * Events to a thousand sockets: the gateway's `/ws`, where each has subscribed to log lines, beside a bare server that
 * sends each message of the broker to all its sockets. Every side is started fresh in each round, in turns. Prints a
 * table; the last line is all of it as JSON. Ends with code 1 when an event has not come, or twice, or in the wrong order.
 *
 *   node infra/bench/fan-out/run.ts [--rounds 5] [--seconds 5] [--sockets 1000] [--rates 5,20] [--json]
 */
await runBenchmark(readOptions, async ({ rounds, seconds, sockets, rates }, say) => {
  say(`${sockets} sockets, ${rates.join(', ')} events a second, ${rounds} rounds of ${seconds} s each …`);
  const measured = rates.map(() => new Map<Side, Measured[]>(sides.map((side) => [side, []])));
  for (let round = 0; round < rounds; round += 1)
    // Who is first changes, so that what grows over time counts for both.
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      for (const [i, one] of (await measure(side, { sockets, rates, seconds })).entries())
        measured[i]?.get(side)?.push(one);
  const results = measured.flatMap(resultsOf);
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { results } };
});
