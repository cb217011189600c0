import { optionsOrEnd } from '../bench/options.ts';
import { abortOnSignal } from '../bench/signals.ts';
import { ChaosLog } from './chaos-log.ts';
import { runChaos } from './chaos.ts';
import { hasOwnNetwork, runInOwnNetwork } from './network.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { describeResult } from './report.ts';
import { areKept } from './rules/verdict.ts';

/**
 * Kills, stops, cuts off and stuffs up what a mesh consists of, while it is used and changed, and judges what became of
 * it. The seed decides which faults come when. Ends with code 1 when a rule was broken; the last line is JSON.
 *
 *   node infra/chaos/run.ts [--seed N] [--minutes 10] [--rate 120] [--relay] [--log file]
 */
const options = optionsOrEnd(readOptions);
const code = options.isRelayed ? undefined : await runInOwnNetwork(options.seed);
process.exitCode = code ?? ((await run(options)) ? 0 : 1);

async function run({ seed, ...rest }: Options): Promise<boolean> {
  const signal = abortOnSignal();
  const { faultsMs, perSecond, logFile } = rest;
  console.log(
    `seed ${seed}, ${faultsMs / 60_000} min of faults, ${perSecond} invocations/s; partitions by ` +
      (hasOwnNetwork ? 'the system, in a network namespace' : 'a relay that passes nothing on'),
  );
  using log = new ChaosLog(logFile, (text) => console.log(text));
  const result = await runChaos({ seed, ...rest }, log, signal);
  const isGood = areKept(result.verdicts);
  console.log(describeResult(result));
  console.log(`All faults, orders and failures with their times: ${logFile}`);
  if (result.kept) console.log(`What the mesh has left, logs included: ${result.kept}`);
  console.log(
    isGood ? `No rule was broken (seed ${seed}).` : `Rules were BROKEN; again with --seed ${seed}.`,
  );
  console.log(JSON.stringify({ ok: isGood, seed, ...result }));
  return isGood;
}
