import { capability, Type, type Capability, type PayloadError, type Static } from '@bkg/sdk';
import { throwComplaints } from '../complaints.ts';
import { inferErrors } from '../errors.ts';
import { decodeFeeds } from '../feeds.ts';
import { refOf } from '../inventory.ts';
import type { OutputLimit } from '../messages.ts';
import type { ModelRef } from '../model-id.ts';
import { languageModel, type Models } from '../models.ts';
import { encodeTensor, type JsonTensor } from '../tensor-json.ts';
import { encodeText, readScores, textModelOf } from '../text-model.ts';
import { modelId, outputNames, revision, tensors } from './schemas.ts';

const inputSchema = Type.Object(
  {
    input: Type.Optional(
      Type.String({
        description: `A text, for a model that classifies texts: ${languageModel} when none is named. Or "inputs":`,
      }),
    ),
    model_id: Type.Optional(modelId),
    revision: Type.Optional(revision),
    inputs: Type.Optional(tensors('Tensors, for the model that is named.')),
    outputs: Type.Optional(outputNames),
  },
  { additionalProperties: false, examples: [{ input: 'Guten Morgen' }] },
);

const outputSchema = Type.Object({
  output: Type.Optional(Type.String({ description: 'The best label; the answer to "input".' })),
  scores: Type.Optional(
    Type.Record(Type.String(), Type.Number(), { description: 'The score of every label, best first.' }),
  ),
  model_id: Type.Optional(Type.String()),
  revision: Type.Optional(Type.String()),
  outputs: Type.Optional(tensors('The answer to "inputs".')),
});

export function modelInfer(models: Models, mostOutputBytes: number): Capability {
  const limit: OutputLimit = { as: 'json', mostBytes: mostOutputBytes };
  return capability({
    name: 'Run a model',
    description:
      'Runs a model on tensors of the Open Inference Protocol v2, or on a text. A model that is not in memory is loaded first.',
    input: inputSchema,
    output: outputSchema,
    idempotent: true,
    errors: inferErrors,
    handler: (payload, { signal }) => {
      const { ref, work } = requestOf(payload);
      return 'text' in work
        ? classify(models, ref, { text: work.text, limit }, signal)
        : inferTensors(models, ref, { ...work, limit }, signal);
    },
  });
}

type Output = Static<typeof outputSchema>;
type Work = { text: string } | { inputs: JsonTensor[]; outputs: string[] | undefined };

/** What the payload asks for. Throws INVALID_PAYLOAD for a mixture that the schema has no good words for. */
function requestOf({ input, inputs, outputs, model_id, revision }: Static<typeof inputSchema>): {
  ref: ModelRef;
  work: Work;
} {
  const problems: PayloadError[] = [];
  const complain = (path: string, message: string): void => void problems.push({ path, message });
  if (input === undefined && inputs === undefined)
    complain('', 'needs "input", a text, or "inputs", tensors');
  if (input !== undefined && inputs !== undefined)
    complain('/inputs', 'cannot be given together with "input"');
  if (input === undefined && model_id === undefined)
    complain('/model_id', 'is needed to know which model to run');
  if (input !== undefined && outputs !== undefined)
    complain('/outputs', 'belongs to "inputs", not to "input"');
  throwComplaints(problems);
  const ref = refOf({ model_id: model_id ?? languageModel, ...(revision !== undefined && { revision }) });
  return { ref, work: input === undefined ? { inputs: inputs ?? [], outputs } : { text: input } };
}

function classify(
  models: Models,
  ref: ModelRef,
  { text, limit }: { text: string; limit: OutputLimit },
  signal: AbortSignal,
): Promise<Output> {
  return models.use(ref, signal, async ({ file, model, signature }) => {
    const textModel = textModelOf(file.model_id, signature);
    const feeds = [encodeText(textModel, text)];
    return readScores(textModel, await model.infer(feeds, [textModel.output], limit, signal));
  });
}

function inferTensors(
  models: Models,
  ref: ModelRef,
  { inputs, outputs, limit }: { inputs: JsonTensor[]; outputs: string[] | undefined; limit: OutputLimit },
  signal: AbortSignal,
): Promise<Output> {
  return models.use(ref, signal, async ({ file, model, signature }) => {
    const feeds = await decodeFeeds(signature, inputs, outputs, signal);
    const names = outputs ?? signature.outputs.map(({ name }) => name);
    const results = await model.infer(feeds, names, limit, signal);
    const encoded: JsonTensor[] = [];
    for (const tensor of results) encoded.push(await encodeTensor(tensor, signal));
    return { ...refOf(file), outputs: encoded };
  });
}
