import { Type } from '@bkg/sdk';
import { datatypeNames } from '../datatypes.ts';
import { MAX_MODEL_ID, MAX_REVISION, modelIdPattern, revisionPattern } from '../model-id.ts';
import { MAX_LENGTH, MAX_NAME, MAX_RANK, MAX_TENSORS } from '../tensor-limits.ts';

export const modelId = Type.String({
  pattern: modelIdPattern,
  maxLength: MAX_MODEL_ID,
  description: '<org>/<name>, or <name> alone when only one model is called so.',
});

export const revision = Type.String({
  pattern: revisionPattern,
  maxLength: MAX_REVISION,
  description: 'A commit or ref of the Hugging Face cache, such as main.',
});

const datatype = Type.Enum([...datatypeNames], {
  description: 'As the Open Inference Protocol v2 names it.',
});
const name = Type.String({ maxLength: MAX_NAME });

/** Of the Open Inference Protocol v2. */
const tensor = Type.Object(
  {
    name,
    datatype,
    shape: Type.Array(Type.Integer({ minimum: 0, maximum: MAX_LENGTH }), { maxItems: MAX_RANK }),
    data: Type.Array(Type.Unknown(), {
      description:
        'Row by row, flat or nested. Integers beyond ±9007199254740991 are decimal strings; "NaN", "Infinity" and "-Infinity" are strings.',
    }),
  },
  { additionalProperties: false },
);

export const tensors = (description: string) => Type.Array(tensor, { maxItems: MAX_TENSORS, description });

export const outputNames = Type.Array(name, {
  minItems: 1,
  maxItems: MAX_TENSORS,
  uniqueItems: true,
  description: 'Names of the outputs that are wanted; without it, all.',
});

/** An input or output of a model. */
const port = Type.Object({
  name: Type.String(),
  datatype,
  shape: Type.Optional(
    Type.Array(Type.Integer({ minimum: -1 }), {
      description: '-1 is any length; without a shape, any rank is taken.',
    }),
  ),
});

export const ports = Type.Array(port);
