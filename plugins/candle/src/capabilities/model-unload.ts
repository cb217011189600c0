import { capability, Type, type Capability } from '@bkg/sdk';
import { findErrors } from '../errors.ts';
import { refOf } from '../inventory.ts';
import type { Models } from '../models.ts';
import { modelId, revision } from './schemas.ts';

export const modelUnload = (models: Models): Capability =>
  capability({
    name: 'Unload a model',
    description:
      'Takes the pins off a model and, after the invocations that use it, takes it out of the memory of the instance that answers. Others let go of it when they need the room.',
    input: Type.Object(
      { model_id: modelId, revision: Type.Optional(revision) },
      { additionalProperties: false, examples: [{ model_id: 'bkg/language-id' }] },
    ),
    output: Type.Object({
      model_id: Type.String(),
      revision: Type.Optional(Type.String()),
      unpinned: Type.Boolean({ description: 'It was pinned.' }),
      unloaded: Type.Boolean({ description: 'It was in memory.' }),
    }),
    idempotent: true,
    errors: findErrors,
    handler: async (ref, { signal }) => {
      const { target, unpinned, unloaded } = await models.unload(ref, signal);
      return { ...refOf(target), unpinned, unloaded };
    },
  });
