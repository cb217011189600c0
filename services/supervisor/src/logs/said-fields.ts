import { isDeeper } from '@bkg/sdk';

const mostDepth = 64;

/** Whether whoever goes through it, or prints it, could run out of stack. */
export function isTooDeep(value: unknown): boolean {
  return isDeeper(value, mostDepth);
}
