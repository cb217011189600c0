import { capability, Type, type Capability } from '@bkg/sdk';
import { loadErrors } from '../errors.ts';
import { refOf } from '../inventory.ts';
import { modelSources } from '../locator.ts';
import type { Models } from '../models.ts';
import { portJson } from '../signature.ts';
import { modelId, ports, revision } from './schemas.ts';

export const modelLoad = (models: Models): Capability =>
  capability({
    name: 'Load a model',
    description:
      'Brings a model into memory and pins it: it stays there, and instances of candle that start later load it before they are ready.',
    input: Type.Object(
      { model_id: modelId, revision: Type.Optional(revision) },
      { additionalProperties: false, examples: [{ model_id: 'bkg/language-id' }] },
    ),
    output: Type.Object({
      model_id: Type.String(),
      revision: Type.Optional(Type.String()),
      source: Type.Enum([...modelSources]),
      size_bytes: Type.Integer(),
      pinned: Type.Boolean(),
      inputs: ports,
      outputs: ports,
    }),
    idempotent: true,
    errors: loadErrors,
    handler: async (ref, { signal }) => {
      const { file, signature } = await models.load(ref, signal);
      return {
        ...refOf(file),
        source: file.source,
        size_bytes: file.sizeBytes,
        pinned: true,
        inputs: signature.inputs.map(portJson),
        outputs: signature.outputs.map(portJson),
      };
    },
  });
