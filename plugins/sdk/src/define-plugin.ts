import type { TObject } from 'typebox';
import { isBytes } from './bytes.ts';
import type { Given, Received, Returned, Shape } from './bytes.ts';
import type { Connection } from './connection.ts';
import { foreignRefs } from './foreign-refs.ts';
import type { InvocationContext } from './invocation.ts';
import type { Logger } from './logger.ts';
import { isContentTypeRange } from './protocol/content-type.ts';
import { declaredErrorNumbers, errorCodePattern } from './protocol/errors.ts';
import type { DeclaredError } from './protocol/errors.ts';
import {
  endpointName,
  errorCodePrefix,
  isCapabilityId,
  isVersion,
  pluginIdProblem,
} from './protocol/names.ts';
import type { Descriptor } from './protocol/micro.ts';
import type { JsonSchema, PluginConfig } from './protocol/plugin.ts';

export interface CapabilityContract<Input extends Shape = Shape, Output extends Shape = Shape> {
  /** @default the capability's id */
  name?: string;
  description: string;
  /** JSON Schema 2020-12 of the payload, or `bytes(…)`; what does not fit never reaches the handler. */
  input: Input;
  /** Of the result; what does not fit never reaches the caller. */
  output: Output;
  /**
   * The payload may be larger than a message of the broker: bytes are read while they come, JSON is collected first, up to
   * 8 MiB. @default false
   */
  upload?: boolean;
  /** Running twice does no harm, so that a client may repeat it. @default false */
  idempotent?: boolean;
  /** Failures of its own, by code: the plugin's id in capitals, `_`, and a name. Thrown as `PluginError`. */
  errors?: Record<string, DeclaredError>;
}

export interface CapabilityDefinition<
  Input extends Shape = Shape,
  Output extends Shape = Shape,
> extends CapabilityContract<Input, Output> {
  chunk?: undefined;
  handler: (input: Received<Input>, context: InvocationContext) => Promise<Given<Output>> | Given<Output>;
}

export interface StreamingCapabilityDefinition<
  Input extends Shape = Shape,
  Chunk extends Shape = Shape,
  Output extends Shape = Shape,
> extends CapabilityContract<Input, Output> {
  /** Of each chunk: a schema, or `bytes(…)` when together they are one body. */
  chunk: Chunk;
  /**
   * Yields the chunks and returns the output. It goes on when its receiver has room for more: a slow one makes it wait, and
   * one that is gone ends it at its next `yield`.
   */
  handler: (
    input: Received<Input>,
    context: InvocationContext,
  ) => AsyncIterable<Given<Chunk>, Returned<Output>, void>;
}

/** A capability whose types the runtime no longer needs. */
export type Capability = CapabilityContract & {
  chunk?: Shape | undefined;
  handler: (input: never, context: InvocationContext) => unknown;
};

/** Ties the handler's types to its schemas. */
export function capability<Input extends Shape, Output extends Shape>(
  definition: CapabilityDefinition<Input, Output>,
): Capability;
export function capability<Input extends Shape, Chunk extends Shape, Output extends Shape>(
  definition: StreamingCapabilityDefinition<Input, Chunk, Output>,
): Capability;
export function capability(definition: Capability): Capability {
  return definition;
}

export interface StartContext {
  log: Logger;
  /** The instance's, which closes it after `stop`: for subjects and buckets of the plugin's own, where the broker allows it any. */
  connection: Connection;
  /** The id of the instance. */
  instance: string;
  /** Aborts when the instance is asked to end before it is ready. */
  signal: AbortSignal;
}

export interface ConfigureContext {
  log: Logger;
  /** Aborts when it takes too long, and when the instance ends. */
  signal: AbortSignal;
}

export interface PluginDefinition {
  id: string;
  /** Semantic version. */
  version: string;
  /** @default the id */
  name?: string;
  description: string;
  author?: string;
  /** Of `config.settings`. */
  settings?: TObject;
  capabilities: Record<string, Capability>;
  /** Awaited before the instance takes invocations. */
  start?: (context: StartContext) => Promise<void>;
  /**
   * Takes other settings over while the instance runs: called with the new configuration when its `settings`, which
   * fit their schema, differ from those in force; within 10 s, and never twice at the same time. What it throws is
   * told to who has ordered it, and the old settings stay in force: it changes all, or nothing.
   * Without it, other settings replace the instance. Needs `settings`.
   */
  configure?: (config: PluginConfig, context: ConfigureContext) => void | Promise<void>;
  /** Called after the last invocation has been answered. */
  stop?: () => Promise<void>;
}

/**
 * Declares a plugin: `runPlugin` runs it.
 * @throws Error that lists everything that is wrong with it
 */
export function definePlugin(definition: PluginDefinition): PluginDefinition {
  const problems = [
    ...identityProblems(definition),
    ...Object.keys(definition.capabilities).flatMap((id) => capabilityProblems(definition, id)),
    ...collisions(Object.keys(definition.capabilities)),
  ];
  if (problems.length === 0) return definition;
  throw new Error(
    `The plugin "${definition.id}" cannot be defined:\n${problems.map((line) => `- ${line}`).join('\n')}`,
  );
}

/** What the plugin says of itself on the wire. */
export function descriptorOf(definition: PluginDefinition): Descriptor {
  const { id, version, name = id, description, author = '', settings, configure, capabilities } = definition;
  return {
    id,
    version,
    name,
    description,
    author,
    capabilities: Object.entries(capabilities).map(([capabilityId, one]) => ({
      id: capabilityId,
      name: one.name ?? capabilityId,
      description: one.description,
      input_schema: schemaOf(one.input),
      output_schema: schemaOf(one.output),
      stream: one.chunk !== undefined,
      upload: one.upload ?? false,
      idempotent: one.idempotent ?? false,
      ...(one.chunk !== undefined && !isBytes(one.chunk) && { chunk_schema: schemaOf(one.chunk) }),
      ...(isBytes(one.input) && { input_type: one.input.contentType }),
      ...(isBytes(one.output) && { output_type: one.output.contentType }),
      ...(isBytes(one.chunk) && { chunk_type: one.chunk.contentType }),
      ...(one.errors && { errors: one.errors }),
    })),
    ...(settings && { settings_schema: settings as unknown as JsonSchema }),
    ...(configure && { settings_live: true }),
  };
}

/** Of bytes there is none. */
function schemaOf(shape: Shape): JsonSchema {
  return isBytes(shape) ? true : (shape as JsonSchema);
}

function identityProblems({ id, version, capabilities, settings, configure }: PluginDefinition): string[] {
  const problems: string[] = [];
  const idProblem = pluginIdProblem(id);
  if (idProblem) problems.push(idProblem);
  if (!isVersion(version)) {
    problems.push(`"${version}" is no version: it takes three numbers, as in 1.0.0.`);
  }
  if (Object.keys(capabilities).length === 0)
    problems.push('It has no capability, so nobody could invoke it.');
  if (configure && !settings)
    problems.push('It has configure, but no settings that could change: add their schema as settings.');
  problems.push(...refProblems('The schema of its settings', settings));
  return problems;
}

function refProblems(what: string, schema: unknown): string[] {
  const refs = foreignRefs(schema);
  if (refs.length === 0) return [];
  return [
    `${what} refers to ${refs.join(', ')}, which is not in it: nothing is fetched, so write it into $defs.`,
  ];
}

function capabilityProblems({ id, capabilities }: PluginDefinition, capabilityId: string): string[] {
  const problems: string[] = [];
  if (!isCapabilityId(capabilityId)) {
    problems.push(
      `"${capabilityId}" is no capability id: it takes parts of a-z, 0-9, "_" and "-" between dots, at most 64 characters.`,
    );
  }
  for (const member of ['input', 'output', 'chunk'] as const) {
    const shape = capabilities[capabilityId]?.[member];
    if (!isBytes(shape)) problems.push(...refProblems(`The ${member} schema of ${capabilityId}`, shape));
    else if (!isContentTypeRange(shape.contentType)) {
      problems.push(
        `"${shape.contentType}" of ${capabilityId} is no content type: it takes one such as image/png or image/*.`,
      );
    }
  }
  const prefix = errorCodePrefix(id);
  for (const [code, { number }] of Object.entries(capabilities[capabilityId]?.errors ?? {})) {
    if (!code.startsWith(prefix) || !errorCodePattern.test(code)) {
      problems.push(
        `The error ${code} of ${capabilityId} must begin with ${prefix}, be in capitals, and have at most 128 characters.`,
      );
    }
    if (!declaredErrorNumbers.includes(number)) {
      problems.push(
        `The error ${code} has the number ${number}; allowed are ${declaredErrorNumbers.join(', ')}.`,
      );
    }
  }
  return problems;
}

function collisions(capabilityIds: string[]): string[] {
  const byName = Map.groupBy(capabilityIds, endpointName);
  return [...byName.values()]
    .filter((ids) => ids.length > 1)
    .map((ids) => `${ids.join(' and ')} have the same endpoint name in the NATS service API: rename one.`);
}
