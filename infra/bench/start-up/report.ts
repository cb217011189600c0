import { median, table } from '../figures.ts';
import { phases } from './measure.ts';
import type { Measured } from './measure.ts';
import type { Side } from './stage.ts';

/** Of the same program without the SDK. */
const most = { memory: 1.3, time: 2 };

export interface Result {
  side: Side;
  rounds: Measured[];
  /** Each figure the middle one of the rounds. */
  middle: Measured;
  /** Of the middle ones of the program without the SDK in the same language. */
  ratio: { time: number; memory: number; pss: number; uss: number };
}

export function resultsOf(rounds: ReadonlyMap<Side, Measured[]>): Result[] {
  const middles = new Map([...rounds].map(([side, all]) => [side, middleOf(all)]));
  return [...rounds].map(([side, all]) => {
    const middle = middleOf(all);
    const bare = middles.get(bareOf(side)) ?? middleOf([]);
    return {
      ...{ side, rounds: all, middle },
      ratio: {
        time: middle.ms / bare.ms,
        memory: middle.memory.rss / bare.memory.rss,
        pss: middle.memory.pss / bare.memory.pss,
        uss: middle.memory.uss / bare.memory.uss,
      },
    };
  });
}

function bareOf(side: Side): Side {
  return side.endsWith('.ts') ? 'bare.ts' : 'bare.mjs';
}

function middleOf(rounds: readonly Measured[]): Measured {
  const middle = (of: (one: Measured) => number): number => median(rounds.map(of));
  return {
    ms: middle((one) => one.ms),
    phases: {
      process: middle((one) => one.phases.process),
      node: middle((one) => one.phases.node),
      modules: middle((one) => one.phases.modules),
      connect: middle((one) => one.phases.connect),
      ready: middle((one) => one.phases.ready),
      answer: middle((one) => one.phases.answer),
    },
    memory: {
      rss: middle((one) => one.memory.rss),
      pss: middle((one) => one.memory.pss),
      uss: middle((one) => one.memory.uss),
    },
  };
}

/** What is not as it has to be, a sentence each. */
export function flawsOf(results: readonly Result[]): string[] {
  const plugins = results.filter(({ side }) => side.startsWith('sdk'));
  if (plugins.length === 0) return ['the plugin was not measured'];
  return plugins.flatMap(({ side, ratio }) =>
    (['time', 'memory'] as const)
      .filter((what) => !(ratio[what] <= most[what]))
      .map(
        (what) =>
          `${side} takes ${ratio[what].toFixed(2)} of the ${what} of ${bareOf(side)}, and may take ${most[what]}`,
      ),
  );
}

export function describe(results: readonly Result[]): string {
  const head = ['to the first answer, ms', 'all', 'ratio', ...phases];
  const times = results.map(({ side, middle, ratio }) => [
    side,
    middle.ms.toFixed(0),
    ratio.time.toFixed(2),
    ...phases.map((phase) => middle.phases[phase].toFixed(1)),
  ]);
  const memoryHead = ['a second later, MB', 'RSS', 'ratio', 'PSS', 'ratio', 'USS', 'ratio'];
  const memories = results.map(({ side, middle, ratio }) => [
    side,
    middle.memory.rss.toFixed(1),
    ratio.memory.toFixed(2),
    middle.memory.pss.toFixed(1),
    ratio.pss.toFixed(2),
    middle.memory.uss.toFixed(1),
    ratio.uss.toFixed(2),
  ]);
  return `${table([head, ...times])}\n\n${table([memoryHead, ...memories])}`;
}
