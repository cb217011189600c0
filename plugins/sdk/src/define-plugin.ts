import type { Static, TObject, TSchema } from 'typebox';
import type { Connection } from './connection.ts';
import type { InvocationContext } from './invocation.ts';
import type { Logger } from './logger.ts';
import { declaredErrorNumbers } from './protocol/errors.ts';
import type { DeclaredError } from './protocol/errors.ts';
import { endpointName, isCapabilityId, isVersion, pluginIdProblem } from './protocol/names.ts';
import type { Descriptor } from './protocol/micro.ts';
import type { JsonSchema, PluginConfig } from './protocol/plugin.ts';

export interface CapabilityDefinition<Input extends TSchema = TSchema, Output extends TSchema = TSchema> {
  /** @default the capability's id */
  name?: string;
  description: string;
  /** JSON Schema 2020-12 of the payload; what does not fit never reaches the handler. */
  input: Input;
  /** Of the result; what does not fit never reaches the caller. */
  output: Output;
  /** Running twice does no harm, so that a client may repeat it. @default false */
  idempotent?: boolean;
  /** Failures of its own, by code: the plugin's id in capitals, `_`, and a name. Thrown as `PluginError`. */
  errors?: Record<string, DeclaredError>;
  handler: (input: Static<Input>, context: InvocationContext) => Promise<Static<Output>> | Static<Output>;
}

/** A capability whose types the runtime no longer needs. */
export type Capability = Omit<CapabilityDefinition, 'handler'> & {
  handler: (input: never, context: InvocationContext) => unknown;
};

/** Ties the handler's types to its schemas. */
export function capability<Input extends TSchema, Output extends TSchema>(
  definition: CapabilityDefinition<Input, Output>,
): Capability {
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
      input_schema: one.input as JsonSchema,
      output_schema: one.output as JsonSchema,
      stream: false,
      upload: false,
      idempotent: one.idempotent ?? false,
      ...(one.errors && { errors: one.errors }),
    })),
    ...(settings && { settings_schema: settings as unknown as JsonSchema }),
    ...(configure && { settings_live: true }),
  };
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
  return problems;
}

function capabilityProblems({ id, capabilities }: PluginDefinition, capabilityId: string): string[] {
  const problems: string[] = [];
  if (!isCapabilityId(capabilityId)) {
    problems.push(
      `"${capabilityId}" is no capability id: it takes parts of a-z, 0-9, "_" and "-" between dots, at most 64 characters.`,
    );
  }
  const prefix = `${id.toUpperCase().replaceAll('-', '_')}_`;
  for (const [code, { number }] of Object.entries(capabilities[capabilityId]?.errors ?? {})) {
    if (!code.startsWith(prefix) || !/^[A-Z0-9_]+$/.test(code)) {
      problems.push(`The error ${code} of ${capabilityId} must begin with ${prefix} and be in capitals.`);
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
