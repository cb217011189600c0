import { runBenchmark } from '../command.ts';
import { endOnSignal } from '../signals.ts';
import { measure } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf } from './report.ts';
import { Stage } from './stage.ts';

/**
 * What a plugin at half a core costs its neighbour, which is invoked at a fixed rate over HTTP and NATS: pairs of the same
 * time with and without it, in turns. nats-server, supervisor and gateway are real. Prints a table; the last line is all of
 * it as JSON. Ends with code 1 when an invocation of the neighbour failed, or the middle pair was too slow.
 *
 *   node infra/bench/neighbours/run.ts [--pairs 5] [--seconds 10] [--rate 200] [--culprits idle,busy,bomb,flood] [--json]
 */
await runBenchmark(readOptions, async ({ culprits, pairs, seconds, rate }, say) => {
  const starting = Stage.start();
  endOnSignal(starting);
  await using stage = await starting;
  const results = [];
  for (const culprit of culprits) {
    say(`${culprit}: ${pairs} pairs of ${seconds} s at ${rate}/s …`);
    results.push(await measure(stage, { culprit, pairs, seconds, rate }));
  }
  const flaws = results.flatMap(flawsOf);
  return { flaws, tables: describe(results), figures: { results } };
});
