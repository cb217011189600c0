/** A sequence that looks random and is the same in every run (mulberry32), so that a failure can be repeated. */
export function createRandom(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const text = (alphabet: string, mostLength: number): string =>
    Array.from({ length: below(mostLength + 1) }, () => pick([...alphabet])).join('');
  return { next, below, pick, text };
}

export type Random = ReturnType<typeof createRandom>;
