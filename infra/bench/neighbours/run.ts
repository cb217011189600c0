import { endOnSignal } from '../end-on-signal.ts';
import { roundedTo } from '../figures.ts';
import { optionsOrEnd } from '../options.ts';
import { measure } from './measure.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { describe, flawsOf } from './report.ts';
import { Stage } from './stage.ts';

/**
 * What a plugin at half a core costs its neighbour, which is invoked at a fixed rate over HTTP and NATS: pairs of the same
 * time with and without it, in turns. nats-server, supervisor and gateway are real. Prints a table; the last line is all of
 * it as JSON. Ends with code 1 when an invocation of the neighbour failed, or the middle pair was too slow.
 *
 *   node infra/bench/neighbours/run.ts [--pairs 5] [--seconds 10] [--rate 200] [--culprits idle,busy,bomb,flood] [--json]
 */
process.exitCode = (await run(optionsOrEnd(readOptions))) ? 0 : 1;

async function run({ culprits, pairs, seconds, rate, isJson }: Options): Promise<boolean> {
  const say = (text: string): void => void (isJson || console.log(text));
  await using stage = await Stage.start();
  endOnSignal(stage);
  const results = [];
  for (const culprit of culprits) {
    say(`${culprit}: ${pairs} pairs of ${seconds} s at ${rate}/s …`);
    results.push(await measure(stage, { culprit, pairs, seconds, rate }));
  }
  const flaws = results.flatMap(flawsOf);
  say(`\n${describe(results)}\n${flaws.map((flaw) => `\nNOT as it has to be: ${flaw}`).join('')}`);
  console.log(JSON.stringify({ ok: flaws.length === 0, flaws, results }, roundedTo(1_000)));
  return flaws.length === 0;
}
