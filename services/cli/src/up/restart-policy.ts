import { backoffMs } from '@bkg/sdk/host';

export interface RestartPolicy {
  /** The wait after the first ending; doubled after each further one in a row. @default 250 */
  firstMs: number;
  /** @default 30000 */
  mostMs: number;
  /** Who ran this long has shown that it can: its next ending is the first in a row again. @default 60000 */
  steadyMs: number;
}

export const defaultRestartPolicy: RestartPolicy = { firstMs: 250, mostMs: 30_000, steadyMs: 60_000 };

export interface Restart {
  /** Endings in a row, this one included. */
  endings: number;
  waitMs: number;
}

/**
 * When to start a part again that has ended after `ranMs`: for ever, since nobody else would, but ever less often.
 * @param endingsBefore in a row
 */
export function planRestart(
  endingsBefore: number,
  ranMs: number,
  { firstMs, mostMs, steadyMs }: RestartPolicy,
  random = Math.random,
): Restart {
  const endings = ranMs >= steadyMs ? 1 : endingsBefore + 1;
  return { endings, waitMs: backoffMs(endings - 1, { firstMs, mostMs }, random) };
}
