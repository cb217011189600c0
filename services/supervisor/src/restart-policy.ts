import { backoffMs } from '@bkg/sdk/host';

export interface RestartPolicy {
  /** The wait after the first failure in a row; doubled after each further one, and jittered. */
  firstMs: number;
  mostMs: number;
  /** Who ran this long has shown that it can: its next failure is the first in a row again. */
  steadyMs: number;
}

/** This many failures in a row are a crash loop: trying again helps nobody until somebody has looked. */
export const failuresMost = 6;

export interface Restart {
  /** Failures in a row, this one included. */
  failures: number;
  /** Until the next try; Infinity: none until somebody orders it. */
  waitMs: number;
}

/**
 * When to launch a plugin again that has failed.
 * @param failuresBefore in a row
 * @param ranMs how long it was ready before it failed; 0 when it never was
 */
export function planRestart(
  failuresBefore: number,
  ranMs: number,
  { firstMs, mostMs, steadyMs }: RestartPolicy,
  random = Math.random,
): Restart {
  const failures = ranMs >= steadyMs ? 1 : failuresBefore + 1;
  const isLoop = failures >= failuresMost;
  return { failures, waitMs: isLoop ? Infinity : backoffMs(failures - 1, { firstMs, mostMs }, random) };
}
