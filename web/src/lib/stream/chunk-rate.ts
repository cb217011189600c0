/** How far back it looks. */
const spanMs = 2_000;

/** How many chunks come in a second now, from what was counted at moments of the last two seconds. */
export class ChunkRate {
  #moments: { at: number; count: number }[] = [];

  /** @param at ms, on a clock that does not go back @returns undefined until there is something to tell */
  tell(count: number, at: number): number | undefined {
    this.#moments.push({ at, count });
    while ((this.#moments[1]?.at ?? Infinity) <= at - spanMs) this.#moments.shift();
    const [first] = this.#moments;
    const ms = at - (first?.at ?? at);
    return ms < 200 ? undefined : ((count - (first?.count ?? 0)) / ms) * 1_000;
  }
}
