import { capability, Type } from '@bkg/sdk';
import type { Capability } from '@bkg/sdk';
import type { AdminState } from '@bkg/sdk/access';
import { keyErrors } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { closed, hash, prefix } from './schemas.ts';

const { APIKEYS_CONFLICT } = keyErrors;
const mesh = { who: 'bkg', via: 'mesh', from: '' } as const;

export const adminEnsure = (parts: () => Parts): Capability =>
  capability({
    name: 'Make sure of the admin key',
    description:
      'Makes a key that allows everything, for whoever runs the mesh, when nobody knows its prefix; otherwise says whether it does.',
    input: Type.Object({ prefix, hash }, closed),
    output: Type.Unsafe<AdminState>(
      Type.Object({
        state: Type.Enum(['made', 'valid', 'invalid'], {
          description: 'invalid: there is such a key, and it has another secret, has ended, or allows less.',
        }),
      }),
    ),
    idempotent: true,
    errors: { APIKEYS_CONFLICT },
    handler: async (proof) => {
      const { keys, audit } = parts();
      const state = await keys.ensureAdmin(proof);
      // At each start it is asked; only what was done is of interest.
      if (state.state === 'made')
        audit.write({ ...mesh, action: 'key.create', target: proof.prefix, result: 'ok', detail: 'admin: admin' });
      return state;
    },
  });
