import { runBenchmark } from '../command.ts';
import { capacity, measure, sides } from './measure.ts';
import type { Measured, Side } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf, resultOf } from './report.ts';

/**
 * What becomes of invocations when one of three instances is ten times slower: of a plain queue group, whose slow instance
 * lets everything wait; of one that says at once when it has no place; and with the gateway's second try on another one.
 * Every side is started fresh in each round, in turns. Prints a table; the last line is all of it as JSON. Ends with code 1
 * when more than 1 % failed with the second try, or its p99 is more than half of that of the queue group.
 *
 *   node infra/bench/busy/run.ts [--rounds 3] [--seconds 15] [--load 60] [--json]
 */
await runBenchmark(readOptions, async ({ rounds, seconds, loadPercent }, say) => {
  const perSecond = (capacity * loadPercent) / 100;
  say(
    `three instances can do ${capacity}/s; ${perSecond.toFixed(0)}/s, ${rounds} rounds of ${seconds} s each side …`,
  );
  const measured = new Map<Side, Measured[]>();
  for (let round = 0; round < rounds; round += 1)
    for (const side of sides)
      measured.set(side, [...(measured.get(side) ?? []), await measure(side, perSecond, seconds)]);
  const plain = measured.get('queue group') ?? [];
  const results = sides.map((side) => resultOf(side, measured.get(side) ?? [], plain));
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { results } };
});
