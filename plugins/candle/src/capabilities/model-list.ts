import { capability, Type, type Capability } from '@bkg/sdk';
import { modelStates } from '../inventory.ts';
import { modelSources } from '../locator.ts';
import type { Models } from '../models.ts';
import { ports } from './schemas.ts';

export const modelList = (models: Models): Capability =>
  capability({
    name: 'List models',
    description: 'Every model on disk, and what the instance that answers has in memory.',
    input: Type.Object({}, { additionalProperties: false }),
    output: Type.Object({
      models: Type.Array(
        Type.Object({
          model_id: Type.String(),
          revision: Type.Optional(Type.String()),
          state: Type.Enum([...modelStates]),
          pinned: Type.Boolean(),
          source: Type.Optional(Type.Enum([...modelSources])),
          size_bytes: Type.Optional(Type.Integer()),
          pid: Type.Optional(Type.Integer({ description: 'Of the process that holds the model.' })),
          queued: Type.Optional(Type.Integer({ description: 'Invocations that wait for it.' })),
          loaded_at: Type.Optional(Type.String({ format: 'date-time' })),
          last_used_at: Type.Optional(Type.String({ format: 'date-time' })),
          inputs: Type.Optional(ports),
          outputs: Type.Optional(ports),
          error: Type.Optional(Type.String()),
        }),
      ),
    }),
    idempotent: true,
    handler: async () => ({ models: await models.list() }),
  });
