import type { Connection } from '../connection.ts';
import { isCapabilityId, pluginIdProblem } from '../protocol/names.ts';
import type { JsonSchema } from '../protocol/plugin.ts';
import { subjects } from '../protocol/subjects.ts';
import { parsedJson } from './answers.ts';
import { invalidPayload, validPayload } from './payloads.ts';

export interface TargetOptions {
  connection: Connection;
  pluginId: string;
  samples?: Record<string, unknown>;
  slow?: Record<string, unknown>;
  signal?: AbortSignal;
}

/** A capability as its plugin describes it. */
export interface TargetCapability {
  id: string;
  input: JsonSchema;
  output: JsonSchema;
  isIdempotent: boolean;
}

/** What a case invokes. */
export interface Sample {
  capability: TargetCapability;
  payload: unknown;
  /** Given by the user, who knows that it works; otherwise made from the schema. */
  isGiven: boolean;
}

/** The plugin under test, as it was found when the run began. */
export interface Target {
  id: string;
  instances: string[];
  /** Of these some are managed: then a restart by the supervisor ends them, and starts new ones. */
  isManaged: boolean;
  capabilities: TargetCapability[];
  samples: Sample[];
  /** By capability: a payload that does not fit. */
  invalid: { capability: TargetCapability; payload: unknown }[];
  slow?: Sample;
}

const collectMs = 500;

/**
 * Asks the plugin what it can do, and decides what to send it: the given samples, or, without any, a payload of one
 * capability that is idempotent, because nobody has allowed more.
 * @throws Error when nobody answers, or a sample is for a capability that is not there
 */
export async function findTarget(options: TargetOptions): Promise<Target> {
  const { connection, pluginId, samples = {}, slow = {}, signal } = options;
  const problem = pluginIdProblem(pluginId);
  if (problem) throw new Error(problem);
  const infos = await everyAnswer(connection, subjects.service('INFO', pluginId), signal);
  const instances = infos.map(({ id }) => id).filter((id): id is string => typeof id === 'string');
  if (instances.length === 0) {
    throw new Error(
      `Nobody answers ${subjects.service('INFO', pluginId)}: start ${pluginId} first, with "bkg start ${pluginId}" when it is managed.`,
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
    Object.entries(payloads).map(([id, payload]) => ({ capability: known(id), payload, isGiven: true }));
  const [slowSample] = given(slow);
  const chosen = Object.keys(samples).length > 0 ? given(samples) : madeSamples(capabilities);
  return {
    id: pluginId,
    instances: [...new Set(instances)].sort(),
    isManaged: await isManaged(connection, pluginId, signal),
    capabilities,
    samples: chosen,
    invalid: chosen.flatMap(({ capability }) => {
      const invalid = invalidPayload(capability.input);
      return invalid ? [{ capability, ...invalid }] : [];
    }),
    ...(slowSample && { slow: slowSample }),
  };
}

/** At most one: a capability with an example first, since its author has thought of a call. */
function madeSamples(capabilities: TargetCapability[]): Sample[] {
  const candidates = capabilities
    .filter(({ isIdempotent }) => isIdempotent)
    .sort((a, b) => Number(hasExamples(b.input)) - Number(hasExamples(a.input)));
  for (const capability of candidates) {
    const valid = validPayload(capability.input);
    if (valid) return [{ capability, ...valid, isGiven: false }];
  }
  return [];
}

function hasExamples(schema: JsonSchema): boolean {
  return JSON.stringify(schema).includes('"examples"');
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
        isIdempotent: texts['bkg.idempotent'] === '1',
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
): Promise<Record<string, unknown>[]> {
  const options = { forMs: collectMs, most, ...(signal && { signal }) };
  const replies = await connection.requestMany(subject, '', options);
  return replies
    .map((reply) => parsedJson(reply.string()))
    .filter((value): value is Record<string, unknown> => typeof value === 'object' && value !== null);
}
