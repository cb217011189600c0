import { lastAdmin } from './errors.ts';
import type { KeyRecord } from './record.ts';
import { rolesOf, scopesOf } from './scopes.ts';
import type { RoleScopes } from './scopes.ts';
import type { Store } from './store.ts';

/** What would be another than it is. */
export interface Planned {
  /** The key with this prefix. */
  key?: [prefix: string, record: KeyRecord];
  /** The role of this name. */
  role?: [name: string, scopes: readonly string[]];
}

/**
 * A mesh where nobody may make keys any more cannot be helped from within. To be called where a change is decided: its
 * write then happens only if everything is still as it was seen here.
 * @throws PluginError APIKEYS_LAST_ADMIN
 */
export function assertAdminLeft(store: Store, { key, role }: Planned, what: string): void {
  const now = rolesOf(store);
  const then: RoleScopes = role ? (name) => (name === role[0] ? role[1] : now(name)) : now;
  const records = [...store.all('key')].map(([prefix, { value }]) => ({ prefix, record: value }));
  const hasAdmin = records.some(({ record }) => isLastingAdmin(record, now));
  const keepsAdmin = records.some(({ prefix, record }) =>
    isLastingAdmin(prefix === key?.[0] ? key[1] : record, then),
  );
  if (!hasAdmin || keepsAdmin) return;
  throw lastAdmin(
    `${what} would leave no key that allows admin and does not expire, and nobody could make one any more. ` +
      'Make another key with the role admin and without expires_at first, then repeat.',
  );
}

/** Whether it can do everything, and goes on doing so. */
function isLastingAdmin(record: KeyRecord, roleScopes: RoleScopes): boolean {
  if (record.revoked_at !== undefined || record.expires_at !== undefined) return false;
  return scopesOf(record, roleScopes).includes('admin');
}
