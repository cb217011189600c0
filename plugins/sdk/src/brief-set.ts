/** A member knows its place in the one BriefSet that it may be in. */
export interface Placed {
  /** Not to be written by anybody else. Nowhere at first. */
  place: number;
}

export const nowhere = -1;

/**
 * A set of what is in it for a moment only, such as all requests that wait for an answer.
 *
 * For those a `Set` is dear. V8 replaces its table each time it is full of members that have gone, and the old table keeps
 * them and a reference to the new one. Once one table has grown old, all that follow are taken for alive until the next
 * full collection, and with them everything that was ever a member: each collection of the young then copies them all
 * (`infra/bench/README.md#findings`). Here a place is free again as soon as its member has gone.
 */
export class BriefSet<T extends Placed> {
  readonly #members: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#members.length - this.#free.length;
  }

  /** @throws Error for one that is in another one */
  add(member: T): void {
    if (this.has(member)) return;
    if (member.place !== nowhere) throw new Error('It is in another set, and has no second place.');
    const place = this.#free.pop() ?? this.#members.length;
    this.#members[place] = member;
    member.place = place;
  }

  has(member: T): boolean {
    return member.place !== nowhere && this.#members[member.place] === member;
  }

  delete(member: T): void {
    if (!this.has(member)) return;
    this.#members[member.place] = undefined;
    this.#free.push(member.place);
    member.place = nowhere;
  }

  /** All that are in it now; who comes and goes meanwhile makes no difference. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.filter((one) => one !== undefined).values();
  }
}
