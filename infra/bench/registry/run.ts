import { roundedTo } from '../figures.ts';
import { optionsOrEnd } from '../options.ts';
import { measure } from './measure.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { describe, flawsOf } from './report.ts';

/**
 * What a mesh costs of so many plugins: questions to the registry, memory, processor at rest, and how long it takes
 * until a change is seen. nats-server, supervisor and gateway are real, the plugins simulated over the same broker. Prints
 * a table; the last line is all of it as JSON. Ends with code 1 when something was missing, telemetry was heard that
 * nobody looks at, or supervisor and gateway together take a tenth of a core at rest.
 *
 *   node infra/bench/registry/run.ts [--sizes 50/100,1000/2000] [--seconds 30] [--heartbeat-ms <first>] [--json]
 */
process.exitCode = (await run(optionsOrEnd(readOptions))) ? 0 : 1;

async function run({ sizes, seconds, heartbeatMs, isJson }: Options): Promise<boolean> {
  const results = [];
  for (const size of sizes) {
    if (!isJson) console.log(`${size.plugins} plugins, ${size.instances} instances …`);
    results.push(await measure(size, seconds, heartbeatMs));
  }
  const flaws = results.flatMap((result) =>
    flawsOf(result).map((flaw) => `${result.plugins}/${result.instances}: ${flaw}`),
  );
  if (!isJson)
    console.log(`\n${describe(results)}\n${flaws.map((flaw) => `\nNOT as it has to be: ${flaw}`).join('')}`);
  console.log(JSON.stringify({ ok: flaws.length === 0, flaws, results }, roundedTo(100)));
  return flaws.length === 0;
}
