import { createRandom } from '@bkg/sdk/testing';

/** A random number from 0 to below 1. */
export type Random = () => number;

/** The same sequence for the same seed. */
export function seededRandom(seed: number): Random {
  return createRandom(seed).next;
}

/** A whole number, both ends included. */
export function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  const dealt: T[] = [];
  while (left.length > 0) dealt.push(...left.splice(between(random, 0, left.length - 1), 1));
  return dealt;
}
