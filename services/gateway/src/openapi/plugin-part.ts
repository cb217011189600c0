import { subjects } from '@bkg/sdk/protocol';
import type { JsonSchema, PluginCapability, RegistryEntry } from '@bkg/sdk/protocol';
import { embedSchema } from './embed-schema.ts';
import type { Embedded } from './embed-schema.ts';
import { invocationHeaders, invocationParameters, securityFor } from './fixed-document.ts';
import type { MediaType, Operation, PathItem, Tag } from './openapi.ts';
import { inputContent, outputContent, streamOf } from './stream-content.ts';
import { capabilityResponses } from './problem-responses.ts';

/** What one plugin adds to the document. */
export interface PluginPart {
  /** For people, and not too long. */
  title: { name: string; version: string; description: string };
  tag: Tag;
  paths: Record<string, PathItem>;
  schemas: Record<string, JsonSchema>;
}

const capabilitiesMost = 256;
/** Of the schemas of one plugin together; those that come when it is used up are left open. */
const schemasMostBytes = 512 * 1024;
const textMostLength = 4_000;
const nameMostLength = 200;

/** How a plugin presents itself, with an end to everything. */
export function titleOf({ name, version, description }: RegistryEntry): PluginPart['title'] {
  return {
    name: cut(name, nameMostLength),
    version: cut(version, nameMostLength),
    description: cut(description, textMostLength),
  };
}

export function pluginPart(entry: RegistryEntry): PluginPart {
  const { id, capabilities } = entry;
  const title = titleOf(entry);
  const shown = capabilities.slice(0, capabilitiesMost);
  const more = capabilities.length - shown.length;
  const about = [
    `${title.name} ${title.version}`,
    title.description,
    more > 0 ? `${more} more capabilities are not shown here.` : '',
  ];
  const schemas = new SchemaShelf();
  const paths = shown.map((one): [string, PathItem] => [
    `/api/plugins/${id}/invoke/${one.id}`,
    { post: operationOf(id, one, schemas) },
  ]);
  return {
    title,
    tag: { name: id, description: paragraphs(about) },
    paths: Object.fromEntries(paths),
    schemas: Object.fromEntries(schemas.kept),
  };
}

function operationOf(pluginId: string, capability: PluginCapability, schemas: SchemaShelf): Operation {
  const { id, name, description, idempotent, stream, upload, chunk_type, errors } = capability;
  const { input_schema, output_schema, chunk_schema } = capability;
  // No id has capitals: whatever plugins and capabilities are called, no two schemas are called the same.
  const input = schemas.put(`${pluginId}.${id}.Input`, input_schema);
  const output = schemas.put(`${pluginId}.${id}.Output`, output_schema);
  const chunk = chunk_schema === undefined ? undefined : schemas.put(`${pluginId}.${id}.Chunk`, chunk_schema);
  const texts = [
    cut(description, textMostLength),
    idempotent ? 'Running it twice does no harm.' : '',
    stream && chunk_type === undefined
      ? 'With `Accept: text/event-stream` the answer comes in parts: events `chunk`, and at the end `result` or `error`.'
      : '',
    upload ? 'It takes a body of any length, and reads it while it comes.' : '',
    chunk?.note ?? '',
    `On the broker: \`${subjects.invokeCapability(pluginId, id)}\`.`,
  ];
  return {
    operationId: `${pluginId}.${id}`,
    tags: [pluginId],
    summary: cut(name, nameMostLength),
    description: paragraphs(texts),
    'x-idempotent': idempotent,
    ...(stream && { 'x-stream': streamOf(capability, chunk?.schema) }),
    ...(upload && { 'x-upload': true }),
    parameters: invocationParameters,
    security: securityFor(`invoke:${pluginId}:${id}`),
    requestBody: {
      required: true,
      ...(input.note !== undefined && { description: input.note }),
      content: inputContent(capability, { schema: input.schema, ...examplesOf(input_schema) }),
    },
    responses: {
      '200': {
        description: paragraphs([
          chunk_type === undefined ? 'The output.' : 'The bytes, as they come.',
          output.note ?? '',
        ]),
        headers: invocationHeaders,
        content: outputContent(capability, { schema: output.schema, ...examplesOf(output_schema) }),
      },
      ...capabilityResponses(errors),
    },
  };
}

/** The schemas of a plugin, as many as there is room for. */
class SchemaShelf {
  readonly kept: [string, JsonSchema][] = [];
  #bytes = 0;

  put(name: string, schema: JsonSchema): Embedded {
    if (typeof schema === 'object' && Object.keys(schema).length === 0) return { schema, components: [] };
    const embedded = embedSchema(schema, name);
    const bytes = embedded.components.reduce((sum, one) => sum + JSON.stringify(one).length, 0);
    if (this.#bytes + bytes > schemasMostBytes) {
      const note = `Its schema is not shown here: those of this plugin have more than ${schemasMostBytes} bytes.`;
      return { schema: {}, components: [], note };
    }
    this.#bytes += bytes;
    this.kept.push(...embedded.components);
    return embedded;
  }
}

const examplesMost = 5;
const examplesMostBytes = 4_096;

/** Those that the plugin gives itself. */
function examplesOf(schema: JsonSchema): Pick<MediaType, 'examples'> {
  const given = typeof schema === 'object' ? schema['examples'] : undefined;
  if (!Array.isArray(given)) return {};
  const small = given.slice(0, examplesMost).filter((value) => isSmall(value));
  if (small.length === 0) return {};
  return { examples: Object.fromEntries(small.map((value: unknown, i) => [`example${i + 1}`, { value }])) };
}

/** And without what a tool would follow. */
function isSmall(value: unknown): boolean {
  try {
    const text = JSON.stringify(value);
    return text.length <= examplesMostBytes && !/"\$(ref|id|schema|\w*[aA]nchor|\w+Ref)"/.test(text);
  } catch (error) {
    // Nested too deeply to be written.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function cut(text: string, mostLength: number): string {
  return text.length > mostLength ? `${text.slice(0, mostLength - 1)}…` : text;
}

function paragraphs(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n\n');
}
