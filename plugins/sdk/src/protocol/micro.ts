/**
 * ADR-32, the NATS service API ("micro"): a plugin is a NATS service, its capabilities are the endpoints.
 * Times are integer nanoseconds, `last_error` is always a string, `metadata` always an object.
 */
import { declaredErrorNumbers, errorCodePattern, errorEntryOf } from './errors.ts';
import type { DeclaredError } from './errors.ts';
import { isContentTypeRange } from './content-type.ts';
import { isRecord } from './is-record.ts';
import { endpointName, isCapabilityId, isVersion, pluginIdProblem } from './names.ts';
import type { JsonSchema, PluginCapability } from './plugin.ts';
import { invokeQueue, subjects } from './subjects.ts';

export const protocolVersion = '1';

/** What a reader takes of somebody else's words; the rest is cut. */
const nameMostLength = 256;
const descriptionMostLength = 4_096;
const versionMostLength = 128;
/** A schema that is nested deeper counts as "anything": whoever copies or prints it would run out of stack. */
const schemaMostDepth = 64;

interface ServiceIdentity {
  name: string;
  id: string;
  version: string;
  metadata: Record<string, string>;
}

export interface PingResponse extends ServiceIdentity {
  type: 'io.nats.micro.v1.ping_response';
}

export interface InfoEndpoint {
  name: string;
  subject: string;
  queue_group: string;
  metadata: Record<string, string>;
}

export interface InfoResponse extends ServiceIdentity {
  type: 'io.nats.micro.v1.info_response';
  description: string;
  endpoints: InfoEndpoint[];
}

export interface EndpointStats {
  name: string;
  subject: string;
  queue_group: string;
  num_requests: number;
  num_errors: number;
  last_error: string;
  processing_time: number;
  average_processing_time: number;
}

export interface StatsResponse extends ServiceIdentity {
  type: 'io.nats.micro.v1.stats_response';
  started: string;
  endpoints: EndpointStats[];
}

/** What a plugin says of itself. */
export interface Descriptor {
  id: string;
  version: string;
  name: string;
  description: string;
  author: string;
  capabilities: PluginCapability[];
  settings_schema?: JsonSchema;
  settings_live?: boolean;
}

/** The descriptor as service metadata and endpoints. */
export function encodeDescriptor(descriptor: Descriptor): Pick<InfoResponse, 'metadata' | 'endpoints'> {
  const metadata: Record<string, string> = {
    'bkg.name': descriptor.name,
    'bkg.author': descriptor.author,
    'bkg.protocol': protocolVersion,
  };
  if (descriptor.settings_schema !== undefined) {
    metadata['bkg.settings_schema'] = JSON.stringify(descriptor.settings_schema);
  }
  if (descriptor.settings_live) metadata['bkg.settings_live'] = '1';
  return {
    metadata,
    endpoints: descriptor.capabilities.map((capability) => ({
      name: endpointName(capability.id),
      subject: subjects.invokeCapability(descriptor.id, capability.id),
      queue_group: invokeQueue,
      metadata: encodeCapability(capability),
    })),
  };
}

function encodeCapability(capability: PluginCapability): Record<string, string> {
  return {
    'bkg.capability': capability.id,
    'bkg.name': capability.name,
    'bkg.description': capability.description,
    'bkg.input_schema': JSON.stringify(capability.input_schema),
    'bkg.output_schema': JSON.stringify(capability.output_schema),
    ...(capability.stream && { 'bkg.stream': '1' }),
    ...(capability.upload && { 'bkg.upload': '1' }),
    ...(capability.idempotent && { 'bkg.idempotent': '1' }),
    ...(capability.chunk_schema !== undefined && {
      'bkg.chunk_schema': JSON.stringify(capability.chunk_schema),
    }),
    ...(capability.input_type !== undefined && { 'bkg.input_type': capability.input_type }),
    ...(capability.output_type !== undefined && { 'bkg.output_type': capability.output_type }),
    ...(capability.chunk_type !== undefined && { 'bkg.chunk_type': capability.chunk_type }),
    ...(capability.errors && { 'bkg.errors': JSON.stringify(capability.errors) }),
  };
}

/**
 * Reads an INFO reply, which anybody may have written: endpoints outside `plugin.<name>.invoke.`, with an impossible
 * capability id or with one that came before are left out, unreadable schemas count as "anything", an impossible version
 * as 0.0.0, and texts are cut. How much there is of all that is for the reader to bound. Undefined when it is no INFO
 * reply, its name is no plugin id, or no endpoint is left that bkg could invoke.
 */
export function decodeDescriptor(info: unknown): Descriptor | undefined {
  if (!isRecord(info) || typeof info['name'] !== 'string' || typeof info['version'] !== 'string')
    return undefined;
  const { name: id, version, endpoints } = info as { name: string; version: string; endpoints?: unknown };
  if (pluginIdProblem(id)) return undefined;
  const metadata = textsOf(info['metadata']);
  const prefix = subjects.invokeCapability(id, '');
  const seen = new Set<string>();
  const capabilities = (Array.isArray(endpoints) ? endpoints : [])
    .filter(isRecord)
    .filter((endpoint) => typeof endpoint['subject'] === 'string' && endpoint['subject'].startsWith(prefix))
    .map((endpoint) => decodeCapability((endpoint['subject'] as string).slice(prefix.length), endpoint))
    .filter(
      (capability) => isCapabilityId(capability.id) && !seen.has(capability.id) && seen.add(capability.id),
    );
  if (capabilities.length === 0) return undefined;
  const settingsSchema = metadata['bkg.settings_schema'];
  return {
    id,
    version: version.length <= versionMostLength && isVersion(version) ? version : '0.0.0',
    name: cut(metadata['bkg.name'] ?? id, nameMostLength),
    description: cut(
      typeof info['description'] === 'string' ? info['description'] : '',
      descriptionMostLength,
    ),
    author: cut(metadata['bkg.author'] ?? '', nameMostLength),
    capabilities,
    ...(settingsSchema !== undefined && { settings_schema: parseSchema(settingsSchema) }),
    ...(metadata['bkg.settings_live'] === '1' && { settings_live: true }),
  };
}

function decodeCapability(id: string, endpoint: Record<string, unknown>): PluginCapability {
  const metadata = textsOf(endpoint['metadata']);
  const errors = parseErrors(metadata['bkg.errors']);
  const chunkSchema = metadata['bkg.chunk_schema'];
  return {
    id,
    name: cut(metadata['bkg.name'] ?? id, nameMostLength),
    description: cut(metadata['bkg.description'] ?? '', descriptionMostLength),
    input_schema: parseSchema(metadata['bkg.input_schema']),
    output_schema: parseSchema(metadata['bkg.output_schema']),
    stream: metadata['bkg.stream'] === '1',
    upload: metadata['bkg.upload'] === '1',
    idempotent: metadata['bkg.idempotent'] === '1',
    ...(chunkSchema !== undefined && { chunk_schema: parseSchema(chunkSchema) }),
    ...contentTypesIn(metadata),
    ...(errors && { errors }),
  };
}

/** One that cannot be is as good as none: then it counts as JSON. */
function contentTypesIn(
  metadata: Record<string, string>,
): Pick<PluginCapability, 'input_type' | 'output_type' | 'chunk_type'> {
  const names = ['input_type', 'output_type', 'chunk_type'] as const;
  const given = names.map((name) => [name, metadata[`bkg.${name}`]] as const);
  return Object.fromEntries(given.filter(([, type]) => type !== undefined && isContentTypeRange(type)));
}

function parseSchema(text: string | undefined): JsonSchema {
  const schema = parseJson(text);
  if (typeof schema === 'boolean') return schema;
  return isRecord(schema) && !isDeeper(schema, schemaMostDepth) ? schema : {};
}

/** What is no declared error, or takes a code of the mesh's own, is left out; undefined when nothing is left. */
function parseErrors(text: string | undefined): Record<string, DeclaredError> | undefined {
  const errors = parseJson(text);
  if (!isRecord(errors)) return undefined;
  const declared = Object.entries(errors)
    .filter(
      (entry): entry is [string, DeclaredError] =>
        errorCodePattern.test(entry[0]) && !errorEntryOf(entry[0]) && isDeclaredError(entry[1]),
    )
    .map(([code, { number, retryable, description }]): [string, DeclaredError] => [
      code,
      // Nothing of what else it may hold.
      { number, retryable, description: cut(description, descriptionMostLength) },
    ]);
  return declared.length > 0 ? Object.fromEntries(declared) : undefined;
}

function isDeclaredError(value: unknown): value is DeclaredError {
  if (!isRecord(value)) return false;
  const { number, retryable, description } = value;
  return (
    declaredErrorNumbers.some((known) => known === number) &&
    typeof retryable === 'boolean' &&
    typeof description === 'string'
  );
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Somebody else's metadata: not JSON means not said.
    return undefined;
  }
}

/** Half a character, as is left by a cut or was there before, is no text that every reader takes. */
function cut(text: string, mostLength: number): string {
  return text.slice(0, mostLength).toWellFormed();
}

/** Whether a JSON value is nested deeper than that. Level by level, because a deep one is the end of a recursion. */
export function isDeeper(value: unknown, mostDepth: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= mostDepth && level.length > 0; depth += 1)
    level = level.flatMap((one): unknown[] =>
      typeof one === 'object' && one !== null ? Object.values(one) : [],
    );
  return level.length > 0;
}

function textsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
