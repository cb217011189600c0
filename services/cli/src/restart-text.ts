import type { Restarts } from '@bkg/sdk/protocol';

/**
 * "failed 3 times in a row, starting again in 4 s".
 *
 * @param now ms since the epoch; undefined when nobody can say what happens now
 */
export function restartText(
  { failures, next_at: nextAt, stays_down: staysDown }: Restarts,
  now: number | undefined,
): string {
  const failed = failures > 1 ? `failed ${failures} times in a row` : 'failed once';
  if (staysDown) return `${failed}, and stays down until it is started`;
  if (nextAt === undefined) return `${failed} before`;
  if (now === undefined) return `${failed}; it was to be started again`;
  const seconds = Math.ceil((Date.parse(nextAt) - now) / 1_000);
  return `${failed}, starting again ${seconds > 0 ? `in ${seconds} s` : 'now'}`;
}
