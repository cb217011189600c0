import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { QuietState } from '../quiet.ts';

/** MB that the line through the quiets of the second half may rise by. */
export const riseMostMb = 24;
/** A line through fewer says nothing. */
const pointsLeast = 5;

export interface Line {
  role: string;
  pid: number;
  points: number;
  firstMb: number;
  lastMb: number;
  /** Of the line through all of them, from the first to the last. */
  riseMb: number;
}

/** Whoever has lived through the second half has not grown in it. @param from when that began */
export function judgeMemory(states: readonly QuietState[], from: number): Verdict {
  const lines = linesOf(states.filter(({ at }) => at >= from));
  const flaws = lines
    .filter(({ points, riseMb }) => points >= pointsLeast && !(riseMb <= riseMostMb))
    .map(
      ({ role, pid, firstMb, lastMb, riseMb }) =>
        `${role} (process ${pid}) rises by ${riseMb.toFixed(1)} MB, from ${firstMb.toFixed(1)} to ${lastMb.toFixed(1)}; ${riseMostMb} are allowed`,
    );
  return {
    rule: 'nobody grows in the second half',
    flaws,
    counted: lines
      .map(
        ({ role, pid, points, firstMb, lastMb, riseMb }) =>
          `${role} (process ${pid}): ${firstMb.toFixed(1)} to ${lastMb.toFixed(1)} MB in ${points} quiets, ` +
          (points >= pointsLeast ? `the line rises by ${riseMb.toFixed(1)} MB` : 'too few for a line'),
      )
      .join('\n'),
  };
}

function linesOf(states: readonly QuietState[]): Line[] {
  const all = states.flatMap(({ at, processes }) => processes.map((one) => ({ at, ...one })));
  return [...Map.groupBy(all, ({ pid }) => pid).values()]
    .filter((some) => some.length === states.length)
    .map((some) => {
      const [first, last] = [some[0]!, some.at(-1)!];
      return {
        role: first.role,
        pid: first.pid,
        points: some.length,
        firstMb: first.memoryMb,
        lastMb: last.memoryMb,
        riseMb: slopeOf(some.map(({ at, memoryMb }) => [at, memoryMb])) * (last.at - first.at),
      };
    });
}

/** Of the line of least squares; 0 for one point. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (pick: 0 | 1): number => points.reduce((all, one) => all + one[pick], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((all, [a, b]) => all + (a - x) * (b - y), 0);
  const under = points.reduce((all, [a]) => all + (a - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
