import { bytes, bytesContentType, capability, Type, type Capability, type PayloadError } from '@bkg/sdk';
import type { ByteBudget } from '../byte-budget.ts';
import { throwComplaints } from '../complaints.ts';
import { bytesOfAll, type Tensor } from '../datatypes.ts';
import { inferErrors } from '../errors.ts';
import { checkFeeds, type Places } from '../feeds.ts';
import { refOf } from '../inventory.ts';
import type { ModelFile } from '../locator.ts';
import { checkRef, type ModelRef } from '../model-id.ts';
import type { Models } from '../models.ts';
import { dtypeOf } from '../safetensors/dtypes.ts';
import { metadataPlace, pointer, type Header } from '../safetensors/header.ts';
import { SafetensorsReader } from '../safetensors/reader.ts';
import { encodeSafetensors } from '../safetensors/writer.ts';
import type { Signature } from '../signature.ts';
import { MAX_TENSORS } from '../tensor-limits.ts';

/** The format has no content type of its own. */
const contentType = bytesContentType;

/** What the metadata of a file ask for. */
interface Wanted {
  ref: ModelRef;
  outputs: string[] | undefined;
}

/** The same as `model.infer` with "inputs", in the memory's own bytes. The answer is a stream, because it may be of any size. */
export function tensorInfer(models: Models, budget: ByteBudget): Capability {
  const { mostBytes } = budget;
  return capability({
    name: 'Run a model on raw tensors',
    description:
      'Takes a safetensors file with the inputs and gives one with the outputs. Its __metadata__ has the "model_id", and may have a "revision" and "outputs", a JSON list of the names that are wanted.',
    input: bytes(contentType),
    upload: true,
    chunk: bytes(contentType),
    output: Type.Null(),
    idempotent: true,
    errors: inferErrors,
    handler: async function* (body, { signal }) {
      const reader = new SafetensorsReader(body, body.sizeBytes);
      try {
        const header = await reader.header();
        const wanted = wantedOf(header);
        // What the model does not take is refused before it is sent.
        await models.use(wanted.ref, signal, async ({ signature }) => check(signature, header, wanted));
        using hold = budget.hold(header.dataBytes);
        const { file, outputs } = await infer(models, reader, { header, wanted, mostBytes }, signal);
        hold.change(bytesOfAll(outputs));
        yield* encodeSafetensors(outputs, { ...refOf(file) });
      } finally {
        await reader.close();
      }
      return null;
    },
  });
}

function wantedOf({ metadata }: Header): Wanted {
  const { model_id: modelId, revision, outputs } = metadata;
  if (modelId === undefined)
    throwComplaints([{ path: metadataPlace('model_id'), message: 'is needed to know which model to run' }]);
  const ref = refOf({ model_id: modelId ?? '', ...(revision !== undefined && { revision }) });
  checkRef(ref, metadataPlace);
  return { ref, outputs: outputs === undefined ? undefined : namesIn(outputs) };
}

function namesIn(text: string): string[] {
  const names = parse(text);
  if (
    !Array.isArray(names) ||
    names.length === 0 ||
    names.length > MAX_TENSORS ||
    !names.every((name) => typeof name === 'string') ||
    new Set(names).size < names.length
  ) {
    const message = `is no JSON list of 1 to ${MAX_TENSORS} different names, such as ["logits"]`;
    throwComplaints([{ path: metadataPlace('outputs'), message }]);
  }
  return names as string[];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It is complained about as what it is not: a list.
    return undefined;
  }
}

/** Throws INVALID_PAYLOAD for what the model does not take or have, and for texts, which the format cannot carry. */
function check(signature: Signature, { tensors }: Header, { outputs }: Wanted): string[] {
  const places: Places = {
    input: (index, member) =>
      member === 'name' ? pointer(tensors[index]!.name) : pointer(tensors[index]!.name, dtypeMember(member)),
    inputs: '',
    output: () => metadataPlace('outputs'),
  };
  checkFeeds(signature, tensors, outputs, places);
  const names = outputs ?? signature.outputs.map(({ name }) => name);
  const texts = signature.outputs.filter(({ name, datatype }) => names.includes(name) && !dtypeOf(datatype));
  throwComplaints(
    texts.map(({ name }): PayloadError => ({
      path: metadataPlace('outputs'),
      message: `output ${JSON.stringify(name)} is BYTES, which safetensors does not have: name the others, or use model.infer`,
    })),
  );
  return names;
}

const dtypeMember = (member: 'datatype' | 'shape'): string => (member === 'datatype' ? 'dtype' : member);

/** The inputs are gone when it is done: who reads the outputs may take long. */
async function infer(
  models: Models,
  reader: SafetensorsReader,
  { header, wanted, mostBytes }: { header: Header; wanted: Wanted; mostBytes: number },
  signal: AbortSignal,
): Promise<{ file: ModelFile; outputs: Tensor[] }> {
  const feeds = await reader.tensors(header);
  return models.use(wanted.ref, signal, async ({ file, model, signature }) => {
    // Once more: the file may have been replaced while the tensors came.
    const names = check(signature, header, wanted);
    return { file, outputs: await model.infer(feeds, names, { as: 'bytes', mostBytes }, signal) };
  });
}
