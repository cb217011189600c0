import type { PayloadError } from '@bkg/sdk';
import { throwComplaints } from './complaints.ts';
import type { Datatype, Tensor } from './datatypes.ts';
import { describePort, type Port, type Signature } from './signature.ts';
import { decodeTensor, type JsonTensor } from './tensor-json.ts';

/** What is known of a tensor before its elements are looked at. */
export interface TensorHead {
  name: string;
  datatype: Datatype;
  shape: number[];
}

/** Where in a payload the things stand that can be wrong, as JSON pointers. */
export interface Places {
  input: (index: number, member: 'name' | 'datatype' | 'shape') => string;
  inputs: string;
  output: (index: number) => string;
}

const jsonPlaces: Places = {
  input: (index, member) => `/inputs/${index}/${member}`,
  inputs: '/inputs',
  output: (index) => `/outputs/${index}`,
};

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
  checkFeeds(signature, inputs, outputs, jsonPlaces);
  const tensors: Tensor[] = [];
  for (const [i, json] of inputs.entries()) tensors.push(await decodeTensor(json, `/inputs/${i}`, signal));
  return tensors;
}

/** Throws INVALID_PAYLOAD when the model does not take these inputs, or does not have these outputs. */
export function checkFeeds(
  signature: Signature,
  inputs: TensorHead[],
  outputs: string[] | undefined,
  places: Places,
): void {
  throwComplaints([
    ...complaintsAboutInputs(signature.inputs, inputs, places),
    ...complaintsAboutOutputs(signature, outputs, places),
  ]);
}

function complaintsAboutInputs(ports: Port[], inputs: TensorHead[], places: Places): PayloadError[] {
  const given = new Set<string>();
  const complaints: PayloadError[] = [];
  const takes = ports.map(describePort).join(', ') || 'no inputs';
  inputs.forEach((tensor, i) => {
    const port = ports.find(({ name }) => name === tensor.name);
    if (port === undefined) {
      complaints.push({
        path: places.input(i, 'name'),
        message: `no input ${JSON.stringify(tensor.name)}; the model takes ${takes}`,
      });
      return;
    }
    if (given.has(tensor.name)) {
      complaints.push({
        path: places.input(i, 'name'),
        message: `input ${JSON.stringify(tensor.name)} is given twice`,
      });
    }
    given.add(tensor.name);
    if (tensor.datatype !== port.datatype) {
      complaints.push({
        path: places.input(i, 'datatype'),
        message: `${tensor.datatype} given, the model takes ${describePort(port)}`,
      });
    }
    if (!fits(tensor.shape, port.dims)) {
      complaints.push({
        path: places.input(i, 'shape'),
        message: `[${tensor.shape.join(', ')}] given, the model takes ${describePort(port)}`,
      });
    }
  });
  for (const port of ports.filter(({ name }) => !given.has(name))) {
    complaints.push({ path: places.inputs, message: `input ${describePort(port)} is missing` });
  }
  return complaints;
}

function complaintsAboutOutputs(
  { outputs }: Signature,
  asked: string[] = [],
  places: Places,
): PayloadError[] {
  return asked.flatMap((name, i) => {
    if (outputs.some((port) => port.name === name)) return [];
    const has = outputs.map(describePort).join(', ');
    return [{ path: places.output(i), message: `no output ${JSON.stringify(name)}; the model has ${has}` }];
  });
}

const fits = (shape: number[], dims: (number | string)[] | undefined): boolean =>
  dims === undefined ||
  (shape.length === dims.length && dims.every((dim, axis) => typeof dim === 'string' || dim === shape[axis]));
