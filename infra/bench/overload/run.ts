import { runBenchmark } from '../command.ts';
import { endOnSignal } from '../signals.ts';
import { measure } from './measure.ts';
import type { Result } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf } from './report.ts';
import { Stage } from './stage.ts';

/**
 * Ten times what can be done, for a minute: of a plugin with so many places, of one with a rate limit, and of the gateway by
 * one that answers at once; over HTTP, over `/ws` and over NATS, on a mesh that `bkg up` has started. Is it refused as it is
 * promised, do health, dashboard, neighbour and subscriber get their answers meanwhile, and is all as before five seconds
 * later? Prints a table; the last line is all of it as JSON. Ends with code 1 when a rule was broken.
 *
 *   node infra/bench/overload/run.ts [--seconds 60] [--times 10] [--parts work,rate,echo] [--ways http,ws,nats]
 *     [--connections 1000] [--json]
 */
await runBenchmark(readOptions, async (options, say) => {
  const { parts, ways, seconds, times } = options;
  const starting = Stage.start();
  endOnSignal(starting);
  await using stage = await starting;
  const results: Result[] = [];
  for (const part of parts)
    for (const way of ways) {
      say(`${part} over ${way}: ${times} times of what it can do, for ${seconds} s …`);
      results.push(await measure(stage, part, way, options));
    }
  const flaws = results.flatMap(flawsOf);
  return { flaws, tables: describe(results), figures: { results } };
});
