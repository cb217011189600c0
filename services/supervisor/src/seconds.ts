import { round } from '@bkg/sdk';

/** "0.3 s", "10 s". */
export function seconds(ms: number): string {
  const value = ms / 1_000;
  return `${value >= 10 ? Math.round(value) : round(value, 1)} s`;
}
