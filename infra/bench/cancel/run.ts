import { runBenchmark } from '../command.ts';
import { amount, defineOptions, isJson } from '../options.ts';
import { measure } from './measure.ts';
import { describe, flawsOf } from './report.ts';

/**
 * How long it takes from the reason to cancel an invocation until its handler's signal aborts: a client that disconnects, the
 * frame `cancel`, `DELETE`, a message over NATS, the deadline, the SDK's client, and an invocation of an invocation of it. All
 * in turns, alone and beside other load. Prints a table; the last line is all of it as JSON. Ends with code 1 when a p99 is
 * more than 50 ms, or something else has failed.
 *
 *   node infra/bench/cancel/run.ts [--samples 500] [--rate 200] [--json]
 */
const readOptions = defineOptions({
  samples: amount(1, 100_000, 500),
  /** Invocations a second, beside it. */
  rate: amount(1, 2_000, 200),
  isJson,
});

await runBenchmark(readOptions, async ({ samples, rate }, say) => {
  say(`${samples} of each cause, alone and beside ${rate} invocations/s …`);
  const { results, load } = await measure(samples, rate);
  return { flaws: flawsOf(results, load), tables: describe(results), figures: { results, load } };
});
