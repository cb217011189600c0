import { builtInRoles, keyScopesMost, scopeProblem } from '@bkg/sdk';
import type { PayloadError } from '@bkg/sdk';
import type { KeyRecord } from './record.ts';
import type { Store } from './store.ts';

/** What a role stands for; undefined when there is none of that name. */
export type RoleScopes = (name: string) => readonly string[] | undefined;

export function isBuiltIn(name: string): name is keyof typeof builtInRoles {
  // Not `in`: a role may be called constructor.
  return Object.hasOwn(builtInRoles, name);
}

/** The roles as they are now. */
export function rolesOf(store: Store): RoleScopes {
  return (name) => (isBuiltIn(name) ? builtInRoles[name] : store.get('role', name)?.value.scopes);
}

/** All that a key allows: its own scopes and those of its roles, each once. */
export function scopesOf({ scopes, roles }: Pick<KeyRecord, 'scopes' | 'roles'>, roleScopes: RoleScopes): string[] {
  return [...new Set([...scopes, ...roles.flatMap((role) => roleScopes(role) ?? [])])];
}

export function scopeProblems(scopes: readonly string[], path: string): PayloadError[] {
  return scopes.flatMap((scope, place) => {
    const message = scopeProblem(scope);
    return message === undefined ? [] : [{ path: `${path}/scopes/${place}`, message }];
  });
}

export function roleProblems(roles: readonly string[], roleScopes: RoleScopes, path: string): PayloadError[] {
  return roles.flatMap((role, place) =>
    roleScopes(role)
      ? []
      : [
          {
            path: `${path}/roles/${place}`,
            message: `There is no role "${role}": make it first, or take one of ${Object.keys(builtInRoles).join(', ')}.`,
          },
        ],
  );
}

/** The broker is told of each scope when a key connects: together they are bounded, too. */
export function countProblems(
  record: Pick<KeyRecord, 'scopes' | 'roles'>,
  roleScopes: RoleScopes,
  path: string,
): PayloadError[] {
  const { length } = scopesOf(record, roleScopes);
  if (length <= keyScopesMost) return [];
  const message = `The key would have ${length} scopes with those of its roles; ${keyScopesMost} are allowed. Take wider ones, such as invoke:candle for all of its capabilities.`;
  return [{ path, message }];
}
