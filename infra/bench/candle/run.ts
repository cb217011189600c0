import { runBenchmark } from '../command.ts';
import { Home, measure } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf, resultsOf } from './report.ts';
import { sizeFor, tinyWork, workloadOf } from './work.ts';

/**
 * What the mesh adds to a run of a model, one at a time: a session of ONNX Runtime alone in a process, candle over NATS,
 * and candle through the gateway, with the model that tells languages and with one that takes 10 ms. All is started fresh
 * in each round, in turns. Prints a table; the last line is all of it as JSON. Ends with code 1 when something was not
 * measured.
 *
 *   node infra/bench/candle/run.ts [--rounds 7] [--runs 200] [--large-ms 10] [--json]
 */
await runBenchmark(readOptions, async ({ rounds, runs, largeMs }, say) => {
  await using home = await Home.make();
  const n = await sizeFor(home.workload, largeMs);
  say(`the larger model multiplies [${n}, ${n}]; ${rounds} rounds of ${runs} runs each way …`);
  const works = [tinyWork(), workloadOf(home.workload, n)];
  const measured = [];
  for (let round = 0; round < rounds; round += 1) measured.push(await measure(home, works, runs));
  const results = resultsOf(measured);
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { results } };
});
