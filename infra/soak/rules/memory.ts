import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { QuietState } from '../quiet.ts';

/**
 * MB that the line through the quiets of the second half may rise by: of what is in use without garbage, and of what is
 * resident, which the system and the allocators keep as they like.
 */
export const riseMostMb = { usedMb: 6, memoryMb: 32 } as const;
type Measure = keyof typeof riseMostMb;
const measures: Record<Measure, string> = { usedMb: 'in use', memoryMb: 'resident' };
/** A line through fewer says nothing. */
const pointsLeast = 5;

interface Line {
  who: string;
  measure: Measure;
  points: number;
  firstMb: number;
  lastMb: number;
  /** Of the line through all of them, from the first to the last. */
  riseMb: number;
}

/** Whoever has lived through the second half has not grown in it. @param from when that began */
export function judgeMemory(states: readonly QuietState[], from: number): Verdict {
  const lines = linesOf(states.filter(({ at }) => at >= from));
  const described = lines.map((line) => {
    const { who, measure, points, firstMb, lastMb, riseMb } = line;
    const values = `${who}: ${firstMb.toFixed(1)} to ${lastMb.toFixed(1)} MB ${measures[measure]} in ${points} quiets`;
    const isLong = points >= pointsLeast;
    const isFlaw = isLong && !(riseMb <= riseMostMb[measure]);
    const text = isLong
      ? `${values}, the line rises by ${riseMb.toFixed(1)} MB`
      : `${values}, too few for a line`;
    return { text: isFlaw ? `${text}; ${riseMostMb[measure]} are allowed` : text, isFlaw };
  });
  return {
    rule: 'nobody grows in the second half',
    flaws: described.filter(({ isFlaw }) => isFlaw).map(({ text }) => text),
    counted: described.map(({ text }) => text).join('\n'),
  };
}

function linesOf(states: readonly QuietState[]): Line[] {
  const all = states.flatMap(({ at, processes }) => processes.map((one) => ({ at, ...one })));
  return [...Map.groupBy(all, ({ pid }) => pid).values()]
    .filter((some) => some.length === states.length)
    .flatMap((some) =>
      (Object.keys(measures) as Measure[]).flatMap((measure): Line[] => {
        const points = some.flatMap(({ at, [measure]: mb }) => (mb === undefined ? [] : [[at, mb] as const]));
        const [first, last] = [points[0], points.at(-1)];
        if (!first || !last) return [];
        const who = `${some[0]?.role} (process ${some[0]?.pid})`;
        const riseMb = slopeOf(points) * (last[0] - first[0]);
        return [{ who, measure, points: points.length, firstMb: first[1], lastMb: last[1], riseMb }];
      }),
    );
}

/** Of the line of least squares; 0 for one point. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (pick: 0 | 1): number => points.reduce((all, one) => all + one[pick], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((all, [a, b]) => all + (a - x) * (b - y), 0);
  const under = points.reduce((all, [a]) => all + (a - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
