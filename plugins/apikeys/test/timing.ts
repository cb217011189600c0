/**
 * Whether two kinds of work take the same time, as dudect finds it out (Reparaz, Balasch, Verbauwhede: "Dude, is my code
 * constant time?", 2016): both are measured in turns of random order, the slowest measurements, which are interrupts
 * and not the work, are left out, and Welch's t says how sure it is that the means differ. Beyond 4.5 they do.
 */
export const surelyDifferent = 4.5;

/** Of the two kinds of work. */
export interface Pair<T> {
  a: T;
  b: T;
}

export interface Trial<T> {
  /** Of each kind. */
  samples: number;
  /** Of each kind, before anything is measured. @default 1000 */
  warmUp?: number;
  /**
   * Makes what the work is given; not measured. It must be made in the same way for both kinds, and anew each time: what
   * lies elsewhere in memory takes another time.
   */
  prepare: (kind: keyof Pair<T>, n: number) => T;
  /** The same function for both kinds, so that the compiler makes the same of both. A promise is measured to its end. */
  work: (input: T) => unknown;
}

/** @returns what each sample has taken, in milliseconds */
export async function measure<T>({ samples, warmUp = 1_000, prepare, work }: Trial<T>): Promise<Pair<number[]>> {
  const times: Pair<number[]> = { a: [], b: [] };
  for (let n = -warmUp; n < samples; n += 1) {
    const order: (keyof Pair<T>)[] = Math.random() < 0.5 ? ['a', 'b'] : ['b', 'a'];
    for (const kind of order) {
      const input = prepare(kind, (n + samples) % samples);
      const start = performance.now();
      const result = work(input);
      // What is done at once must not be measured together with a turn of the event loop.
      if (result instanceof Promise) await result;
      const took = performance.now() - start;
      if (n >= 0) times[kind].push(took);
    }
  }
  return times;
}

/**
 * The least that several trials find: something else may disturb one kind more than the other, while a real difference
 * is there each time.
 */
export async function leastT<T>(trial: Trial<T>, { tries = 5, enough = surelyDifferent } = {}): Promise<number> {
  let t = Infinity;
  for (let n = 0; n < tries && t >= enough; n += 1) t = Math.min(t, Math.abs(croppedT(await measure(trial))));
  return t;
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
