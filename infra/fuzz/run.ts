import { optionsOrEnd } from '../bench/options.ts';
import { abortOnSignal } from '../bench/signals.ts';
import { areKept } from '../chaos/rules/verdict.ts';
import { runFuzz } from './fuzz.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { describeResult } from './report.ts';

/**
 * Sends a mesh, and what reads its files, everything that nobody should send: over HTTP, WebSocket and NATS, as a plugin that
 * answers wrongly, and as files. Each input can be made again from the seed and its number. Ends with code 1 when a rule
 * was broken; the last line is JSON.
 *
 *   node infra/fuzz/run.ts [--seed N] [--inputs 100000] [--ways http,ws,nats,hostile,files] [--only http:320.4711] [--json]
 */
const options = optionsOrEnd(readOptions);
process.exitCode = (await run(options)) ? 0 : 1;

async function run(given: Options): Promise<boolean> {
  const { seed, inputs, ways, only, isJson } = given;
  const signal = abortOnSignal();
  const say = (text: string): void => {
    if (!isJson) console.log(text);
  };
  say(only ? `seed ${seed}, one input` : `seed ${seed}, ${inputs} inputs over ${ways.join(', ')}`);
  const result = await runFuzz(given, say, signal);
  const isGood = areKept(result.verdicts);
  say(describeResult(result, seed));
  if (result.kept) say(`What the mesh has left, logs included: ${result.kept}`);
  say(isGood ? `No rule was broken (seed ${seed}).` : `Rules were BROKEN (seed ${seed}).`);
  console.log(JSON.stringify({ ok: isGood, seed, ...result }));
  return isGood;
}
