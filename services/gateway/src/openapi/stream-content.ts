import { bytesContentType, jsonContentType } from '@bkg/sdk/protocol';
import type { JsonSchema, PluginCapability } from '@bkg/sdk/protocol';
import { eventStreamType } from '../invoke/event-stream.ts';
import type { MediaType } from './openapi.ts';

type Content = Record<string, MediaType>;

/** An answer in server-sent events; the document has no words for what is in them. */
export function eventStreamContent(): Content {
  return { [eventStreamType]: { schema: { type: 'string' } } };
}

/** Bytes of a content type, or of those that a range stands for: they have no schema. */
function bytesContent(contentType: string | undefined): Content {
  return { [contentType ?? bytesContentType]: { schema: {} } };
}

/** What a capability takes: JSON, or bytes. */
export function inputContent({ input_type }: PluginCapability, json: MediaType): Content {
  return input_type === undefined ? { [jsonContentType]: json } : bytesContent(input_type);
}

/** What it answers with: its chunks when they are bytes, else its output, which may come with chunks before it. */
export function outputContent(capability: PluginCapability, json: MediaType): Content {
  const { stream, output_type, chunk_type } = capability;
  if (chunk_type !== undefined) return bytesContent(chunk_type);
  return {
    ...(output_type === undefined ? { [jsonContentType]: json } : bytesContent(output_type)),
    ...(stream && eventStreamContent()),
  };
}

/** How one streams that does, as an extension: the schema of its chunks, or their content type. */
export function streamOf(
  { chunk_type }: PluginCapability,
  chunk: JsonSchema | undefined,
): { chunk: JsonSchema } | { chunk_type: string } {
  return chunk_type === undefined ? { chunk: chunk ?? {} } : { chunk_type };
}
