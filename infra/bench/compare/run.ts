import { runBenchmark } from '../command.ts';
import { endOnSignal } from '../signals.ts';
import { measureMost, measurePaced, warmUp as warm } from './measure.ts';
import type { Most } from './measure.ts';
import { readOptions } from './options.ts';
import { describe, fixedRate, flawsOf, judge } from './report.ts';
import type { Measured } from './report.ts';
import { describeSetUp, readSetUp } from './set-up.ts';
import type { Side } from './side.ts';
import type { SideName } from './side-names.ts';
import { startSide } from './sides.ts';

/**
 * bkg with everything on beside what one would take otherwise: POST JSON over 256 kept-alive connections, one hop over NATS,
 * an echo in another process, and back. As much as each can do, with the CPU of each process, and at a fixed rate: half
 * of what the slowest has done in a trial before. Every side is started fresh in each round, and warmed up; rounds are
 * interleaved. Prints tables; the last line is all of it as JSON. Ends with code 1 when a target of `targets.ts` was missed.
 *
 *   node infra/bench/compare/run.ts [--rounds 7] [--seconds 3] [--warm-up 50000]
 *     [--sides bkg,bridge,coalesced,moleculer,nestjs,fastify] [--json]
 */

// All processes have it from this one.
process.env['NODE_ENV'] = 'production';
/** The one that is measured, or about to start. */
let current: Promise<Side> | undefined;
endOnSignal({ [Symbol.asyncDispose]: async () => (await current)?.[Symbol.asyncDispose]() });

await runBenchmark(readOptions, async ({ rounds, seconds, warmUp, sides }, say) => {
  const setUp = readSetUp(sides);
  say(`${describeSetUp(sides, setUp)}\n\na trial, and ${rounds} rounds of ${seconds} s each side, twice …`);
  const measured: Measured[] = sides.map((side) => ({ side, most: [], paced: [] }));
  const trials = sides.map((side) => ({ side, most: [] as Most[] }));
  await inTurns(trials, 1, ({ side, most }) =>
    withSide(side, async (started) => {
      await warm(started, warmUp);
      most.push(await measureMost(started, seconds));
    }),
  );
  const perSecond = fixedRate(trials);
  await inTurns(measured, rounds, ({ side, most, paced }) =>
    withSide(side, async (started) => {
      await warm(started, warmUp);
      most.push(await measureMost(started, seconds));
      paced.push(await measurePaced(started, seconds, perSecond));
    }),
  );
  const judged = judge(measured);
  const flaws = flawsOf(judged);
  return { flaws, tables: describe(measured, perSecond), figures: { judged, perSecond, setUp, measured } };
});

/** Everybody in each round, and another one first in each: what grows over time counts for all. */
async function inTurns<T>(
  measured: readonly T[],
  rounds: number,
  measure: (one: T) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const first = round % measured.length;
    for (const one of [...measured.slice(first), ...measured.slice(0, first)]) await measure(one);
  }
}

async function withSide<T>(name: SideName, measure: (side: Side) => Promise<T>): Promise<T> {
  current = startSide(name);
  await using side = await current;
  // Awaited here: the side ends with this block.
  return await measure(side);
}
