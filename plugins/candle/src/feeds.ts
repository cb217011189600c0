import { BkgError, type PayloadError } from '@bkg/sdk';
import type { Tensor } from './datatypes.ts';
import { describePort, type Port, type Signature } from './signature.ts';
import { decodeTensor, type JsonTensor } from './tensor-json.ts';

/** More than these about one invocation help nobody. */
const MAX_COMPLAINTS = 20;

/**
 * Checks the tensors of an invocation against the model and converts them. Names, datatypes and shapes are looked at
 * before any element is, and all complaints about them come at once (INVALID_PAYLOAD).
 */
export async function decodeFeeds(
  signature: Signature,
  inputs: JsonTensor[],
  outputs: string[] | undefined,
  signal: AbortSignal,
): Promise<Tensor[]> {
  const complaints = [
    ...complaintsAboutInputs(signature.inputs, inputs),
    ...complaintsAboutOutputs(signature, outputs),
  ];
  if (complaints.length > 0) {
    const shown = complaints.slice(0, MAX_COMPLAINTS);
    const detail = shown.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new BkgError('INVALID_PAYLOAD', detail, { errors: shown });
  }
  const tensors: Tensor[] = [];
  for (const [i, json] of inputs.entries()) tensors.push(await decodeTensor(json, `/inputs/${i}`, signal));
  return tensors;
}

function complaintsAboutInputs(ports: Port[], inputs: JsonTensor[]): PayloadError[] {
  const given = new Set<string>();
  const complaints: PayloadError[] = [];
  const takes = ports.map(describePort).join(', ') || 'no inputs';
  inputs.forEach((tensor, i) => {
    const port = ports.find(({ name }) => name === tensor.name);
    if (port === undefined) {
      complaints.push({
        path: `/inputs/${i}/name`,
        message: `no input ${JSON.stringify(tensor.name)}; the model takes ${takes}`,
      });
      return;
    }
    if (given.has(tensor.name)) {
      complaints.push({
        path: `/inputs/${i}/name`,
        message: `input ${JSON.stringify(tensor.name)} is given twice`,
      });
    }
    given.add(tensor.name);
    if (tensor.datatype !== port.datatype) {
      complaints.push({
        path: `/inputs/${i}/datatype`,
        message: `${tensor.datatype} given, the model takes ${describePort(port)}`,
      });
    }
    if (!fits(tensor.shape, port.dims)) {
      complaints.push({
        path: `/inputs/${i}/shape`,
        message: `[${tensor.shape.join(', ')}] given, the model takes ${describePort(port)}`,
      });
    }
  });
  for (const port of ports.filter(({ name }) => !given.has(name))) {
    complaints.push({ path: '/inputs', message: `input ${describePort(port)} is missing` });
  }
  return complaints;
}

function complaintsAboutOutputs({ outputs }: Signature, asked: string[] = []): PayloadError[] {
  return asked.flatMap((name, i) => {
    if (outputs.some((port) => port.name === name)) return [];
    const has = outputs.map(describePort).join(', ');
    return [{ path: `/outputs/${i}`, message: `no output ${JSON.stringify(name)}; the model has ${has}` }];
  });
}

const fits = (shape: number[], dims: (number | string)[] | undefined): boolean =>
  dims === undefined ||
  (shape.length === dims.length && dims.every((dim, axis) => typeof dim === 'string' || dim === shape[axis]));
