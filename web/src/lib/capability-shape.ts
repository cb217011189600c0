import type { PluginCapability } from '@bkg/sdk/protocol';
import type { Schema } from './json-schema.ts';
import { signatureOf } from './schema-rows.ts';

/** What is special about how a capability is invoked, a word each. */
export function badgesOf(capability: PluginCapability): string[] {
  const { stream, upload, input_type: input, output_type: output, chunk_type: chunk } = capability;
  return [
    ...(stream ? ['streams'] : []),
    ...(upload ? ['upload'] : []),
    ...(input !== undefined || output !== undefined || chunk !== undefined ? ['bytes'] : []),
  ];
}

/** The payload in one short line: `{text}`, `image/*`. */
export function inputSignature({ input_type: type, input_schema: schema }: PluginCapability): string {
  return type ?? signatureOf(schema as Schema);
}

/** The same of the answer. Of bytes in parts the chunks are the answer. */
export function outputSignature(capability: PluginCapability): string {
  const { stream, chunk_type: chunk, chunk_schema: chunkSchema, output_type: type } = capability;
  if (stream && chunk !== undefined) return `${chunk} …`;
  const output = type ?? signatureOf(capability.output_schema as Schema);
  return stream && chunkSchema !== undefined ? `${signatureOf(chunkSchema as Schema)} … ${output}` : output;
}
