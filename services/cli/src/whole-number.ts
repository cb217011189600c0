import { UsageError } from './command.ts';

/** The value of an option that counts something, from 1 on. @throws UsageError */
export function parseWholeNumber(option: string, given: string, most: number): number {
  if (/^\d{1,16}$/.test(given) && Number(given) >= 1 && Number(given) <= most) return Number(given);
  throw new UsageError(`--${option} is "${given}"; it takes a whole number from 1 to ${most}`);
}
