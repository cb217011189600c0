import { optionsOrEnd } from '../bench/options.ts';
import { abortOnSignal } from '../bench/signals.ts';
import { ChaosLog } from '../chaos/chaos-log.ts';
import { areKept } from '../chaos/rules/verdict.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { describeResult } from './report.ts';
import { runSoak } from './soak.ts';

/**
 * Streams, uploads and nested invocations over HTTP, `/ws` and NATS for a long time, while clients cancel, are gone or stop
 * reading, and instances, the gateway and nats-server are killed; now and then it is quiet, and looked whether anything is
 * left. The seed decides what is done. Ends with code 1 when a rule was broken; the last line is JSON.
 *
 *   node infra/soak/run.ts [--minutes 30] [--seed N] [--rate 12] [--log file]
 */
const options = optionsOrEnd(readOptions);
process.exitCode = (await run(options)) ? 0 : 1;

async function run({ seed, loadMs, perSecond, logFile }: Options): Promise<boolean> {
  const signal = abortOnSignal();
  console.log(`seed ${seed}, ${loadMs / 60_000} min of load, ${perSecond} invocations/s`);
  using log = new ChaosLog(logFile, (text) => console.log(text));
  const result = await runSoak({ seed, loadMs, perSecond, logFile }, log, signal);
  const isGood = areKept(result.verdicts);
  console.log(describeResult(result));
  console.log(`All faults and failures with their times: ${logFile}`);
  if (result.kept) console.log(`What the mesh has left, logs included: ${result.kept}`);
  console.log(
    isGood ? `No rule was broken (seed ${seed}).` : `Rules were BROKEN; again with --seed ${seed}.`,
  );
  console.log(JSON.stringify({ ok: isGood, seed, ...result }));
  return isGood;
}
