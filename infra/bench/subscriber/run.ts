import { runBenchmark } from '../command.ts';
import { measure, sides } from './measure.ts';
import type { Measured, Side } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf, resultsOf } from './report.ts';

/**
 * What the SDK costs: a plugin with validation of what goes in and out against a bare subscriber of nats.js, both asked
 * over NATS by the same caller. Every side is started fresh in each round, in turns. Prints a table; the last line is all
 * of it as JSON. Ends with code 1 when the plugin answers less than 0.9 of what the bare subscriber does, with more than
 * one request in flight.
 *
 *   node infra/bench/subscriber/run.ts [--rounds 7] [--seconds 3] [--in-flight 1,64,256] [--json]
 */
await runBenchmark(readOptions, async ({ rounds, seconds, inFlight }, say) => {
  say(`${inFlight.join(', ')} in flight, ${rounds} rounds of ${seconds} s each side …`);
  const measured = inFlight.map(() => new Map<Side, Measured[]>(sides.map((side) => [side, []])));
  for (let round = 0; round < rounds; round += 1)
    // Who is first changes, so that what grows over time counts for both.
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      for (const [i, one] of (await measure(side, inFlight, seconds)).entries())
        measured[i]?.get(side)?.push(one);
  const results = measured.flatMap(resultsOf);
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { results } };
});
