import { runBenchmark } from '../command.ts';
import { endOnSignal } from '../signals.ts';
import { measure, measureRest } from './measure.ts';
import type { Measured } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf, resultOf } from './report.ts';
import { Stage } from './stage.ts';

/**
 * What becomes of lines that a plugin prints, on their way through the supervisor's capture, the broker and the gateway to
 * a socket that follows its log, on a real mesh: how many come, how late, and what they cost. Prints a table; the last
 * line is all of it as JSON. Ends with code 1 when a line is missing of which nobody says so, or one at a rate that the
 * supervisor publishes.
 *
 *   node infra/bench/log-lines/run.ts [--rounds 3] [--seconds 10] [--rates 100,1000,3000,6000,12000] [--bytes 100] [--json]
 */
await runBenchmark(readOptions, async ({ rounds, seconds, rates, bytes }, say) => {
  const measured = new Map<number, Measured[]>(rates.map((rate) => [rate, []]));
  await using stack = new AsyncDisposableStack();
  const starting = Stage.start().then((started) => stack.use(started));
  endOnSignal(starting.then(() => stack));
  const stage = await starting;
  say(`lines of ${bytes} bytes, ${rounds} rounds of ${seconds} s each rate …`);
  // Compilers have their turn before it counts.
  await measure(stage, { rate: 1_000, seconds: 1, bytes }, { 'nats-server': 0, supervisor: 0, gateway: 0 });
  for (let round = 0; round < rounds; round += 1) {
    const rest = await measureRest(stage, seconds);
    for (const rate of rates) measured.get(rate)?.push(await measure(stage, { rate, seconds, bytes }, rest));
  }
  const results = [...measured].map(([rate, all]) => resultOf(rate, all));
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { results } };
});
