import { runBenchmark } from '../command.ts';
import { measure } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf } from './report.ts';

/**
 * What a mesh costs of so many plugins: questions to the registry, memory, processor at rest, and how long it takes
 * until a change is seen. nats-server, supervisor and gateway are real, the plugins simulated over the same broker. Prints
 * a table; the last line is all of it as JSON. Ends with code 1 when something was missing, telemetry was heard that
 * nobody looks at, or supervisor and gateway together take a tenth of a core at rest.
 *
 *   node infra/bench/registry/run.ts [--sizes 50/100,1000/2000] [--seconds 30] [--heartbeat-ms <first>] [--json]
 */
await runBenchmark(readOptions, async ({ sizes, seconds, heartbeatMs }, say) => {
  const results = [];
  for (const size of sizes) {
    say(`${size.plugins} plugins, ${size.instances} instances …`);
    results.push(await measure(size, seconds, heartbeatMs));
  }
  const flaws = results.flatMap((result) =>
    flawsOf(result).map((flaw) => `${result.plugins}/${result.instances}: ${flaw}`),
  );
  return { flaws, tables: describe(results), figures: { results } };
});
