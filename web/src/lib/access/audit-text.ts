import { isPluginId, keyPrefixPattern, type ApiKey, type AuditEvent } from '@bkg/sdk/protocol';

/** What belongs together in the activity, as the gateway is asked for it, and as people call it. */
export const actionGroups = [
  ['', 'everything'],
  ['control.', 'control'],
  ['key.', 'keys'],
  ['role.', 'roles'],
  ['session.', 'sign-ins'],
  ['ticket.', 'sign-in links'],
  ['connect', 'connections'],
  ['invoke', 'invocations'],
  ['http', 'other requests'],
] as const;

/** The name of a key where it is known; else what stands there. */
export function whoText(who: string, keys: readonly Pick<ApiKey, 'prefix' | 'name'>[]): string {
  if (who === 'bkg') return 'the mesh itself';
  if (who === '?') return 'nobody known';
  return keys.find(({ prefix }) => prefix === who)?.name ?? who;
}

/** Keys that are told of, and that nobody has named yet. */
export function unknownKeys(
  events: readonly AuditEvent[],
  keys: readonly Pick<ApiKey, 'prefix'>[],
): string[] {
  const known = new Set(keys.map(({ prefix }) => prefix));
  const told = new Set(events.flatMap(({ who, target }) => [who, target]));
  return [...told].filter((one) => keyPrefixPattern.test(one) && !known.has(one));
}

/** What a target is, as far as a link could lead there. */
export function targetKind({ action, target }: AuditEvent): 'key' | 'plugin' | 'role' | undefined {
  if (keyPrefixPattern.test(target)) return 'key';
  if (action.startsWith('role.')) return 'role';
  const isAboutPlugin = action.startsWith('control.') || action === 'invoke' || action === 'connect';
  return isAboutPlugin && isPluginId(target) ? 'plugin' : undefined;
}

export function wasRefused({ result }: Pick<AuditEvent, 'result'>): boolean {
  return result !== 'ok';
}
