import { capability, Type } from '@bkg/sdk';
import type { Capability, KeyChange, KeyOrder } from '@bkg/sdk';
import { audited } from '../audited.ts';
import { keyErrors } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { actor, closed, hash, prefix, verdict, wholeWire, wire } from './schemas.ts';

const { APIKEYS_NOT_FOUND, APIKEYS_CONFLICT } = keyErrors;

export const keyVerify = (parts: () => Parts): Capability =>
  capability({
    name: 'Verify a key',
    description: 'Finds out whose a key is and what it allows, by its prefix and the SHA-256 of its secret.',
    input: Type.Object({ prefix, hash }, closed),
    output: verdict,
    idempotent: true,
    handler: (proof) => parts().keys.verify(proof),
  });

export const keyCreate = (parts: () => Parts): Capability =>
  capability({
    name: 'Make a key',
    description: 'Makes a key. Its secret is in this answer only: what is kept is a hash of it.',
    input: Type.Object({ actor, order: wire('KeyOrder') }, closed),
    output: wholeWire('NewKey'),
    errors: keyErrors,
    handler: ({ actor: who, order }) =>
      audited(
        parts().audit,
        {
          actor: who,
          action: 'key.create',
          target: ({ key }) => key.prefix,
          detail: orderText(order),
        },
        () => parts().keys.create(who, order),
      ),
  });

export const keyList = (parts: () => Parts): Capability =>
  capability({
    name: 'List the keys',
    description: 'Shows all keys without their secrets, the oldest first; ended ones for 90 days.',
    input: Type.Object({}, closed),
    output: Type.Object({ keys: Type.Array(wire('ApiKey')) }),
    idempotent: true,
    handler: async () => ({ keys: await parts().keys.list() }),
  });

export const keyGet = (parts: () => Parts): Capability =>
  capability({
    name: 'Show a key',
    description: 'Shows one key without its secret.',
    input: Type.Object({ prefix }, closed),
    output: wire('ApiKey'),
    idempotent: true,
    errors: { APIKEYS_NOT_FOUND },
    handler: ({ prefix: id }) => parts().keys.get(id),
  });

export const keyUpdate = (parts: () => Parts): Capability =>
  capability({
    name: 'Change a key',
    description:
      'Changes what a key is called, allows and takes: what is left out stays, null takes it away. Its sessions change with it.',
    input: Type.Object({ actor, prefix, change: wire('KeyChange') }, closed),
    output: wire('ApiKey'),
    errors: keyErrors,
    handler: ({ actor: who, prefix: id, change }) =>
      audited(parts().audit, { actor: who, action: 'key.update', target: id, detail: changeText(change) }, () =>
        parts().keys.update(id, change),
      ),
  });

export const keyRotate = (parts: () => Parts): Capability =>
  capability({
    name: 'Give a key another secret',
    description:
      'Makes another secret for a key, which is in this answer only. The old one does as well until the grace is over, and the sessions that were made with it.',
    input: Type.Object({ actor, prefix, order: Type.Optional(wire('RotateOrder')) }, closed),
    output: wholeWire('NewKey'),
    errors: { APIKEYS_NOT_FOUND, APIKEYS_CONFLICT },
    handler: ({ actor: who, prefix: id, order }) =>
      audited(parts().audit, { actor: who, action: 'key.rotate', target: id }, () => parts().keys.rotate(id, order)),
  });

export const keyRevoke = (parts: () => Parts): Capability =>
  capability({
    name: 'Revoke a key',
    description: 'Ends a key and its sessions, for ever. To revoke it again changes nothing.',
    input: Type.Object({ actor, prefix }, closed),
    output: wire('ApiKey'),
    idempotent: true,
    errors: keyErrors,
    handler: ({ actor: who, prefix: id }) =>
      audited(parts().audit, { actor: who, action: 'key.revoke', target: id }, () => parts().keys.revoke(id)),
  });

function orderText({ name, roles = [], scopes = [] }: KeyOrder): string {
  return `${name}: ${[...roles, ...scopes].join(' ') || 'nothing'}`.slice(0, 1_000);
}

function changeText({ revision: _, ...change }: KeyChange): string {
  return JSON.stringify(change).slice(0, 1_000);
}
