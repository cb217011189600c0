import { runBenchmark } from '../command.ts';
import { connect } from '@nats-io/transport-node';
import { measure, profile } from './measure.ts';
import type { Measured } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, flawsOf, resultsOf } from './report.ts';
import { sides, Stage } from './stage.ts';
import type { Side } from './stage.ts';

/**
 * Time and memory from the spawn of a small plugin to its first answer, beside those of a program on nats.js alone that
 * answers the same; both started with the launch contract, as TypeScript and as JavaScript, in turns. Prints tables, and
 * where the time has gone; the last line is all of it as JSON. Ends with code 1 when the plugin takes more than twice the
 * time or 1.3 times the memory.
 *
 *   node infra/bench/start-up/run.ts [--rounds 15] [--profiles folder] [--json]
 */
await runBenchmark(readOptions, async ({ rounds, profiles }, say) => {
  await using stage = await Stage.start();
  const { user, password } = stage.broker.credentials;
  await using nats = await connect({ servers: [stage.broker.url], user, pass: password });
  say(`${rounds} rounds of ${sides.join(', ')} …`);
  // The first of each reads files that nobody has read yet.
  for (const side of sides) await measure(stage, nats, side);
  const measured = new Map<Side, Measured[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      measured.get(side)?.push(await measure(stage, nats, side));
  if (profiles !== undefined) for (const side of sides) await profile(stage, nats, side, profiles);
  const results = resultsOf(measured);
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { results } };
});
