import type { Connection } from '../connection.ts';
import { isContentTypeRange } from '../protocol/content-type.ts';
import { isCapabilityId, pluginIdProblem } from '../protocol/names.ts';
import type { JsonSchema } from '../protocol/plugin.ts';
import { subjects } from '../protocol/subjects.ts';
import { parsedJson } from './answers.ts';
import { invalidPayload } from './payloads.ts';
import { madeSample, uploadsOf } from './samples.ts';
import type { GivenUpload } from './samples.ts';

export interface TargetOptions {
  connection: Connection;
  pluginId: string;
  samples?: Record<string, unknown>;
  slow?: Record<string, unknown>;
  uploads?: Record<string, GivenUpload>;
  signal?: AbortSignal;
}

/** A capability as its plugin describes it. */
export interface TargetCapability {
  id: string;
  input: JsonSchema;
  output: JsonSchema;
  chunk: JsonSchema;
  isIdempotent: boolean;
  isStream: boolean;
  isUpload: boolean;
  /** The content types of what is bytes; undefined for what is JSON. */
  inputType: string | undefined;
  outputType: string | undefined;
  chunkType: string | undefined;
}

/** What a case invokes. */
export interface Sample {
  capability: TargetCapability;
  payload: unknown;
  /** Given by the user, who knows that it works; otherwise made from the schema. */
  isGiven: boolean;
  /** Of an upload: what is sent. */
  upload?: GivenUpload;
}

/** The plugin under test, as it was found when the run began. */
export interface Target {
  id: string;
  instances: string[];
  /** Of these some are managed: then a restart by the supervisor ends them, and starts new ones. */
  isManaged: boolean;
  capabilities: TargetCapability[];
  samples: Sample[];
  /** Of those that stream. */
  streams: Sample[];
  /** Of those that take uploads. */
  uploads: Sample[];
  /** By capability: a payload that does not fit. */
  invalid: { capability: TargetCapability; payload: unknown }[];
  slow?: Sample;
}

const collectMs = 500;
const firstMs = 5_000;

/**
 * Asks the plugin what it can do, and decides what to send it: the given samples, or, without any, a payload of one
 * capability that is idempotent, because nobody has allowed more.
 * @throws Error when nobody answers, or a sample is for a capability that is not there
 */
export async function findTarget(options: TargetOptions): Promise<Target> {
  const { connection, pluginId, samples = {}, slow = {}, uploads = {}, signal } = options;
  const problem = pluginIdProblem(pluginId);
  if (problem) throw new Error(problem);
  const subject = subjects.service('INFO', pluginId);
  const everyone = await everyAnswer(connection, subject, signal);
  // On a machine that is busy the first answer may take longer than that; where nobody listens this ends at once.
  const infos = everyone.length > 0 ? everyone : await everyAnswer(connection, subject, signal, 1, firstMs);
  const instances = infos.map(({ id }) => id).filter((id): id is string => typeof id === 'string');
  if (instances.length === 0) {
    throw new Error(
      `Nobody answers ${subject}: start ${pluginId} first, with "bkg start ${pluginId}" when it is managed.`,
    );
  }
  const capabilities = capabilitiesOf(pluginId, infos[0] ?? {});
  const known = (id: string): TargetCapability => {
    const found = capabilities.find((capability) => capability.id === id);
    if (found) return found;
    const all = capabilities.map((capability) => capability.id).join(', ');
    throw new Error(
      `A sample is given for "${id}", which ${pluginId} does not have; it has ${all || 'none'}.`,
    );
  };
  const given = (payloads: Record<string, unknown>): Sample[] =>
    Object.entries(payloads).map(([id, payload]) => {
      const capability = known(id);
      if (capability.inputType === undefined) return { capability, payload, isGiven: true };
      throw new Error(
        `A sample is given for "${id}", whose payload is bytes (${capability.inputType}): give it as an upload.`,
      );
    });
  const [slowSample] = given(slow);
  const all = given(samples);
  const givenStreams = all.filter(({ capability }) => capability.isStream);
  // Without a window there is no answer of bytes that come as chunks.
  const whole = all.filter(({ capability }) => capability.chunkType === undefined);
  const chosen = whole.length > 0 ? whole : madeSample(capabilities, isPlain);
  return {
    id: pluginId,
    instances: [...new Set(instances)].sort(),
    isManaged: await isManaged(connection, pluginId, signal),
    capabilities,
    samples: chosen,
    streams:
      givenStreams.length > 0
        ? givenStreams
        : madeSample(capabilities, ({ isStream, inputType }) => isStream && inputType === undefined),
    uploads: uploadsOf(
      capabilities,
      Object.entries(uploads).map(([id, upload]) => ({ capability: known(id), upload })),
      all,
    ),
    invalid: chosen.flatMap(({ capability }) => {
      const invalid = invalidPayload(capability.input);
      return invalid ? [{ capability, ...invalid }] : [];
    }),
    ...(slowSample && { slow: slowSample }),
  };
}

function isPlain({ isStream, inputType, outputType }: TargetCapability): boolean {
  return !isStream && inputType === undefined && outputType === undefined;
}

function capabilitiesOf(pluginId: string, info: Record<string, unknown>): TargetCapability[] {
  const prefix = subjects.invokeCapability(pluginId, '');
  const endpoints = Array.isArray(info['endpoints']) ? (info['endpoints'] as Record<string, unknown>[]) : [];
  return endpoints.flatMap((endpoint) => {
    const { subject, metadata } = Object(endpoint) as Record<string, unknown>;
    if (typeof subject !== 'string' || !subject.startsWith(prefix)) return [];
    const id = subject.slice(prefix.length);
    const texts = Object(metadata) as Record<string, unknown>;
    if (!isCapabilityId(id)) return [];
    return [
      {
        id,
        input: schemaIn(texts['bkg.input_schema']),
        output: schemaIn(texts['bkg.output_schema']),
        chunk: schemaIn(texts['bkg.chunk_schema']),
        isIdempotent: texts['bkg.idempotent'] === '1',
        isStream: texts['bkg.stream'] === '1',
        isUpload: texts['bkg.upload'] === '1',
        inputType: typeIn(texts['bkg.input_type']),
        outputType: typeIn(texts['bkg.output_type']),
        chunkType: typeIn(texts['bkg.chunk_type']),
      },
    ];
  });
}

/** What cannot be read is told by the case "contract". */
function schemaIn(text: unknown): JsonSchema {
  const schema = parsedJson(String(text));
  const isSchema = typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null);
  return isSchema ? (schema as JsonSchema) : true;
}

function typeIn(text: unknown): string | undefined {
  return typeof text === 'string' && isContentTypeRange(text) ? text : undefined;
}

async function isManaged(
  connection: Connection,
  pluginId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // Without a supervisor nobody answers.
  const [info] = await everyAnswer(connection, subjects.registryGet(pluginId), signal, 1);
  const instances = Array.isArray(info?.['instances']) ? (info['instances'] as unknown[]) : [];
  return instances.some((instance) => (Object(instance) as Record<string, unknown>)['managed'] === true);
}

/** The JSON objects that are answered. */
async function everyAnswer(
  connection: Connection,
  subject: string,
  signal?: AbortSignal,
  most = Infinity,
  forMs = collectMs,
): Promise<Record<string, unknown>[]> {
  const options = { forMs, most, ...(signal && { signal }) };
  const replies = await connection.requestMany(subject, '', options);
  return replies
    .map((reply) => parsedJson(reply.string()))
    .filter((value): value is Record<string, unknown> => typeof value === 'object' && value !== null);
}
