import { datatypeNames, datatypeOfElement, datatypeOfRuntimeType, type Datatype } from './datatypes.ts';
import type { ModelHeader, ValueInfo } from './onnx/reader.ts';

/** One input or output that candle can carry. */
export interface Port {
  name: string;
  datatype: Datatype;
  /** Fixed length, name of a dynamic axis, or '' for one without a name; undefined when any rank is taken. */
  dims?: (number | string)[];
}

export interface Signature {
  inputs: Port[];
  outputs: Port[];
  metadata: Record<string, string>;
}

/** What the runtime inferred about an output; it fills in where the file is silent. */
export interface RuntimeValue {
  name: string;
  isTensor: boolean;
  type?: string;
  shape?: readonly (number | string)[];
}

/** A model that candle refuses, and which input or output of it is the reason. */
export class UnsupportedModel extends Error {
  override name = 'UnsupportedModel';
}

/**
 * Turns what the file declares into what candle carries.
 * Throws UnsupportedModel naming every input and output of another kind. The runtime itself is no help there:
 * it loads such models and fails only in the middle of a run, or hands out values nobody can write as a tensor.
 */
export function signatureOf(header: ModelHeader, inferredOutputs: readonly RuntimeValue[] = []): Signature {
  const refusals: string[] = [];
  const ports = (kind: string, values: ValueInfo[]): Port[] =>
    values.flatMap((value) => {
      const port = portOf(value, inferredOutputs);
      const known = port && port.name !== '__proto__';
      if (!known) refusals.push(`${kind} ${JSON.stringify(value.name)} is ${value.type}`);
      return known ? [port] : [];
    });
  const signature = {
    inputs: ports('input', header.inputs),
    outputs: ports('output', header.outputs),
    metadata: header.metadata,
  };
  if (refusals.length > 0) {
    throw new UnsupportedModel(
      `${refusals.join('; ')}. Only dense tensors are taken: ${datatypeNames.join(' ')}`,
    );
  }
  return signature;
}

function portOf(
  { name, type, element, dims }: ValueInfo,
  inferred: readonly RuntimeValue[],
): Port | undefined {
  if (type === 'undeclared') {
    const value = inferred.find((candidate) => candidate.name === name);
    const datatype = value?.isTensor ? datatypeOfRuntimeType(value.type ?? '') : undefined;
    return datatype && { name, datatype };
  }
  const datatype = element === undefined ? undefined : datatypeOfElement(element);
  return datatype && { name, datatype, ...(dims && { dims }) };
}

/** `tokens INT64 [batch, ?, 384]`, for messages. */
export const describePort = ({ name, datatype, dims }: Port): string =>
  `${name} ${datatype} ${dims ? `[${dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]` : 'of any shape'}`;

/** The port as the Open Inference Protocol writes it: -1 for a dynamic axis, no shape for any rank. */
export const portJson = ({
  name,
  datatype,
  dims,
}: Port): { name: string; datatype: Datatype; shape?: number[] } => ({
  name,
  datatype,
  ...(dims && { shape: dims.map((dim) => (typeof dim === 'number' ? dim : -1)) }),
});
