import { expect, it } from 'vitest';
import { SignIns, signInLimit } from '../src/sign-ins.ts';

const secondMs = 1_000;

it('lets a key sign in 30 times at once and then once in 10 s', () => {
  let now = 0;
  const signIns = new SignIns(signInLimit, () => now);
  const isLetIn = (prefix: string): boolean => {
    try {
      signIns.take(prefix);
      return true;
    } catch {
      return false;
    }
  };
  const count = (prefix: string, tries: number) =>
    Array.from({ length: tries }, () => isLetIn(prefix)).filter(Boolean).length;
  expect(count('Ka', 100)).toBe(30);
  expect(count('Kb', 1)).toBe(1);
  now += 50 * secondMs;
  expect(count('Ka', 100)).toBe(5);
});

it('forgets whoever could sign in as often as at first', () => {
  let now = 0;
  const signIns = new SignIns(signInLimit, () => now);
  for (let n = 0; n < 1_000; n += 1) signIns.take(`K${n}`);
  expect(signIns.size).toBe(1_000);
  now += 10 * secondMs;
  signIns.take('Klast');
  expect(signIns.size).toBe(1);
});
