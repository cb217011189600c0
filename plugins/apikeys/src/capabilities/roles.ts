import { capability, Type } from '@bkg/sdk';
import type { Capability } from '@bkg/sdk';
import { audited } from '../audited.ts';
import { keyErrors } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { actor, closed, done, roleName, wire } from './schemas.ts';

const { APIKEYS_NOT_FOUND, APIKEYS_CONFLICT } = keyErrors;

export const roleList = (parts: () => Parts): Capability =>
  capability({
    name: 'List the roles',
    description: 'Shows all roles: those that every mesh has, and those that were added.',
    input: Type.Object({}, closed),
    output: Type.Object({ roles: Type.Array(wire('Role')) }),
    idempotent: true,
    handler: async () => ({ roles: await parts().roles.list() }),
  });

export const rolePut = (parts: () => Parts): Capability =>
  capability({
    name: 'Make or change a role',
    description: 'Says what a role stands for; the keys that have it allow that from now on.',
    input: Type.Object({ actor, name: roleName, order: wire('RoleOrder') }, closed),
    output: wire('Role'),
    idempotent: true,
    errors: keyErrors,
    handler: ({ actor: who, name, order }) =>
      audited(
        parts().audit,
        { actor: who, action: 'role.put', target: name, detail: order.scopes.join(' ').slice(0, 1_000) },
        () => parts().roles.put(name, order),
      ),
  });

export const roleDelete = (parts: () => Parts): Capability =>
  capability({
    name: 'Delete a role',
    description: 'Deletes a role that no key has.',
    input: Type.Object({ actor, name: roleName }, closed),
    output: done,
    errors: { APIKEYS_NOT_FOUND, APIKEYS_CONFLICT },
    handler: ({ actor: who, name }) =>
      audited(parts().audit, { actor: who, action: 'role.delete', target: name }, async () => {
        await parts().roles.delete(name);
        return { ok: true as const };
      }),
  });
