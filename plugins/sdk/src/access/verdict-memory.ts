import { timingSafeEqual } from 'node:crypto';
import type { Principal } from '../protocol/access.ts';
import { createSecret, hashSecret } from './key.ts';

/** A principal as the keeper gave it. */
export interface Remembered {
  hash: string;
  principal: Principal;
  /** When it was asked for, in ms since the epoch. */
  askedAt: number;
}

/** Stands for an id of which nothing is remembered; nobody has ever shown it. */
const nothing: readonly Remembered[] = [
  {
    hash: hashSecret(createSecret()),
    principal: { prefix: '', name: '', owner: '', scopes: [], revision: 0, broker: false },
    askedAt: -Infinity,
  },
];

/**
 * Who somebody is, by what they have shown. Only those who were let in are remembered: whoever tries wrong secrets must
 * not push the right ones out.
 */
export class VerdictMemory {
  readonly #most: number;
  /** By an id that is no secret; of a key there are two while its old secret still does. */
  readonly #byId = new Map<string, Remembered[]>();
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** The time that it takes does not tell how much of the hash was right, and hardly whether there is such an id. */
  find(id: string, hash: string): Remembered | undefined {
    let found: Remembered | undefined;
    for (const one of this.#byId.get(id) ?? nothing) {
      // Chosen, and not branched to: the processor would guess, and take longer when it is wrong.
      found = [found, one][Number(isSameHash(one.hash, hash))];
    }
    return found;
  }

  /** In the place of what it knew of the same; the one that was asked for longest ago makes room. */
  add(id: string, one: Remembered): void {
    this.remove(id, one.hash);
    const others = this.#byId.get(id) ?? [];
    // Put at the end of the map, whose first one is then always the oldest.
    this.#byId.delete(id);
    this.#byId.set(id, [...others, one]);
    this.#size += 1;
    while (this.#size > this.#most) {
      const [oldest] = this.#byId.keys();
      if (oldest === undefined) return;
      this.forget(oldest);
    }
  }

  remove(id: string, hash: string): void {
    const all = this.#byId.get(id);
    if (!all) return;
    const rest = all.filter((one) => !isSameHash(one.hash, hash));
    this.#size -= all.length - rest.length;
    if (rest.length === 0) this.#byId.delete(id);
    else this.#byId.set(id, rest);
  }

  /** All that it knows of this id. */
  forget(id: string): void {
    this.#size -= this.#byId.get(id)?.length ?? 0;
    this.#byId.delete(id);
  }

  /** All that it knows of those. */
  forgetWhere(isMeant: (principal: Principal) => boolean): void {
    for (const [id, all] of [...this.#byId]) {
      for (const { hash, principal } of all) if (isMeant(principal)) this.remove(id, hash);
    }
  }
}

function isSameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
