import { ChaosLog } from './chaos-log.ts';
import { runChaos } from './chaos.ts';
import { hasOwnNetwork, runInOwnNetwork } from './network.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { describeResult } from './report.ts';

/**
 * Kills, stops, cuts off and stuffs up what a mesh consists of, while it is used and changed, and judges what became of
 * it. The seed decides which faults come when. Ends with code 1 when a rule was broken; the last line is JSON.
 *
 *   node infra/chaos/run.ts [--seed N] [--minutes 10] [--rate 120] [--relay] [--log file]
 */
const options = optionsOrEnd();
const code = options.isRelayed ? undefined : await runInOwnNetwork(options.seed);
process.exitCode = code ?? ((await run(options)) ? 0 : 1);

async function run({ seed, ...rest }: Options): Promise<boolean> {
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end.abort());
  const { faultsMs, perSecond, logFile } = rest;
  console.log(
    `seed ${seed}, ${faultsMs / 60_000} min of faults, ${perSecond} invocations/s; partitions by ` +
      (hasOwnNetwork ? 'the system, in a network namespace' : 'a relay that passes nothing on'),
  );
  using log = new ChaosLog(logFile, (text) => console.log(text));
  const result = await runChaos({ seed, ...rest }, log, end.signal);
  const isGood = result.verdicts.every(({ flaws }) => flaws.length === 0);
  console.log(describeResult(result));
  console.log(`All faults, orders and failures with their times: ${logFile}`);
  if (result.kept) console.log(`What the mesh has left, logs included: ${result.kept}`);
  console.log(
    isGood ? `No rule was broken (seed ${seed}).` : `Rules were BROKEN; again with --seed ${seed}.`,
  );
  console.log(JSON.stringify({ seed, isGood, ...result }));
  return isGood;
}

function optionsOrEnd(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
