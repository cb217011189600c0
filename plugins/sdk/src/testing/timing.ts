/**
 * Whether two kinds of input take the same time, as dudect finds it out (Reparaz, Balasch, Verbauwhede: "Dude, is my
 * code constant time?", 2016): both are measured in turns of random order, the slowest measurements, which are
 * interrupts and not the work, are left out, and Welch's t says how sure it is that the means differ. Beyond 4.5 they do.
 */
export const surelyDifferent = 4.5;

/** Of the two kinds of input. */
export interface Pair<T> {
  a: T;
  b: T;
}

export interface Trial {
  /** Of each kind. */
  samples: number;
  /** Of both together, before anything is measured. @default 2000 */
  warmUp?: number;
  /** Makes an input, another each time: ASCII, and of one length for both kinds. */
  inputs: Pair<() => string>;
  /** The same function for both kinds, so that the compiler makes the same of both. A promise is measured to its end. */
  work: (input: string) => unknown;
}

/** @returns what each sample has taken, in milliseconds */
export async function measure({ samples, warmUp = 2_000, inputs, work }: Trial): Promise<Pair<number[]>> {
  const kinds = shuffled([...Array<'a'>(samples).fill('a'), ...Array<'b'>(samples).fill('b')]);
  // All in one piece and in the order of their use: what lies elsewhere in memory takes another time.
  const texts = Buffer.from(kinds.map((kind) => inputs[kind]()).join(''), 'latin1');
  const length = texts.length / kinds.length;
  const times = new Float64Array(kinds.length);
  for (let n = -warmUp; n < kinds.length; n += 1) {
    const place = (n + kinds.length) % kinds.length;
    const input = texts.toString('latin1', place * length, (place + 1) * length);
    const start = performance.now();
    const result = work(input);
    let end = performance.now();
    // What is done at once must be measured neither together with a turn of the event loop, nor with this question, which
    // takes longer of an object than of undefined.
    if (result instanceof Promise) {
      await result;
      end = performance.now();
    }
    times[place] = end - start;
  }
  const of = (kind: 'a' | 'b'): number[] => [...times].filter((_, place) => kinds[place] === kind);
  return { a: of('a'), b: of('b') };
}

const trials = 5;

/**
 * The middle one of what five trials find, with their signs: a difference has the same sign each time, while something
 * else that disturbs a busy machine is as likely to disturb one kind as the other.
 * @param trial makes one with secrets of its own: where two texts lie in memory makes nanoseconds, too
 */
export async function middleT(trial: () => Trial): Promise<number> {
  const found: number[] = [];
  while (found.length < trials) found.push(croppedT(await measure(trial())));
  return Math.abs(found.sort((x, y) => x - y)[(trials - 1) / 2] ?? NaN);
}

/**
 * The middle one of three, of which the third is only asked for when the first two are on different sides of `enough`;
 * of two that are on the same side the one that is nearer to it.
 */
export async function middleOf(next: () => Promise<number>, enough: number): Promise<number> {
  const first = await next();
  const second = await next();
  if (first >= enough && second >= enough) return Math.min(first, second);
  if (first < enough && second < enough) return Math.max(first, second);
  return [first, second, await next()].sort((x, y) => x - y)[1] ?? NaN;
}

/**
 * Welch's t of what is left when all above a percentile of both together is left out.
 * @param keep which part counts, from 0 to 1
 */
export function croppedT({ a, b }: Pair<number[]>, keep = 0.9): number {
  const sorted = [...a, ...b].sort((x, y) => x - y);
  const limit = sorted[Math.floor(sorted.length * keep)] ?? Infinity;
  const crop = (all: number[]): number[] => all.filter((one) => one <= limit);
  return welchT(crop(a), crop(b));
}

/** How far two means are apart, in standard errors. */
export function welchT(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [momentsOf(a), momentsOf(b)];
  const error = Math.sqrt(x.variance / a.length + y.variance / b.length);
  return error === 0 ? 0 : (x.mean - y.mean) / error;
}

function momentsOf(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}

/** Fisher and Yates. */
function shuffled<T>(values: T[]): T[] {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [values[last], values[other]] = [values[other] as T, values[last] as T];
  }
  return values;
}
