import type { ApiKey } from '@bkg/sdk/protocol';

export type KeyState = 'active' | 'ends soon' | 'expired' | 'revoked';

const soonMs = 3 * 86_400_000;

export function keyState({ revoked_at, expires_at }: ApiKey, now: number): KeyState {
  if (revoked_at !== undefined) return 'revoked';
  if (expires_at === undefined) return 'active';
  const leftMs = Date.parse(expires_at) - now;
  if (leftMs <= 0) return 'expired';
  return leftMs < soonMs ? 'ends soon' : 'active';
}

export function hasEnded(key: ApiKey, now: number): boolean {
  const state = keyState(key, now);
  return state === 'expired' || state === 'revoked';
}

/** Those that still do first, then by name. */
export function sortKeys(keys: readonly ApiKey[], now: number): ApiKey[] {
  return [...keys].sort(
    (a, b) =>
      Number(hasEnded(a, now)) - Number(hasEnded(b, now)) ||
      a.name.localeCompare(b.name) ||
      (a.prefix < b.prefix ? -1 : 1),
  );
}
