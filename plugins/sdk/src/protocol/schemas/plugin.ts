import { errorCodePattern } from '../errors.ts';
import { capabilityIdMostLength, capabilityIdPattern } from '../names.ts';
import { endVerdicts, enforcementStrengths } from '../plugin.ts';
import type {
  Enforcement,
  InstanceEnd,
  Isolation,
  JsonSchema,
  Lease,
  PluginCapability,
  PluginInfo,
  PluginInstance,
  RegistryEntry,
  Restarts,
} from '../plugin.ts';
import { status } from './events.ts';
import { ref } from './ref.ts';
import { count, flag, listOf, mapOf, object, oneOf, text, time } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const why = text('Why its status is `error`, for people.');

function schemaOfSchemas(description: string): SchemaOf<JsonSchema> {
  return { type: ['object', 'boolean'], description };
}

const maybe = {
  error: why,
  settings_schema: schemaOfSchemas('JSON Schema 2020-12 of `config.settings`.'),
  settings_live: flag('Other settings are taken over by the instances that run; else these are replaced.'),
  single_writer: flag('It has one instance at most, and the old one ends before a new one starts.'),
  needs: listOf(text('`<plugin id>:<capability pattern>`'), 'What it may invoke of others.'),
  rollout: { ...ref('Rollout'), description: 'The replacement that runs, or else the last one.' },
  isolation: { ...ref('Isolation'), description: 'What keeps it within its limits on this machine.' },
  ends: listOf(ref('InstanceEnd'), 'Its last ends that were not wanted, the latest first, at most 5.'),
  restarts: { ...ref('Restarts'), description: 'Present while what failed last counts.' },
};

const entry = {
  id: text('The plugin id.'),
  name: text('For people.'),
  version: text('Its version; of several instances the newest.'),
  description: text('For people.'),
  author: text('For people.'),
  status,
  capabilities: listOf(ref('PluginCapability'), 'What it can do.'),
  config: ref('PluginConfig'),
  instances: listOf(ref('PluginInstance'), 'Its processes.'),
  versions: listOf(
    text('A version.'),
    'Those that lie here, and can be swapped to; the one that counts for a start comes first.',
  ),
  observed_at: time('The time for which this was true.'),
};

export const pluginSchemas = {
  PluginCapability: object<PluginCapability>(
    {
      id: text('The capability id.', {
        pattern: capabilityIdPattern.source,
        maxLength: capabilityIdMostLength,
      }),
      name: text('For people.'),
      description: text('For people.'),
      input_schema: schemaOfSchemas('JSON Schema 2020-12 of the payload.'),
      output_schema: schemaOfSchemas('JSON Schema 2020-12 of the output.'),
      stream: flag('Its answer may come as chunks, to who asks for them.'),
      upload: flag('Its payload may come as chunks.'),
      idempotent: flag('Whether running it twice does no harm.'),
    },
    {
      chunk_schema: schemaOfSchemas('JSON Schema 2020-12 of each chunk that is JSON.'),
      input_type: text('The content types of a payload that is not JSON, such as `image/*`.'),
      output_type: text('The content type of an output that is not JSON.'),
      chunk_type: text('The content type of chunks that are pieces of one body.'),
      errors: {
        ...mapOf(ref('DeclaredError'), 'The failures of its own, by code.'),
        propertyNames: { pattern: errorCodePattern.source },
      },
    },
  ),
  PluginInstance: object<PluginInstance>(
    {
      instance: text('The instance id.'),
      status,
      version: text('Its version.'),
      host: text('The name of its machine.'),
      managed: flag('Whether the supervisor starts and stops it.'),
      started_at: text('The time it started, RFC 3339.'),
    },
    {
      pid: count('Its process there.'),
      held: flag('It is `starting`, could take invocations, and waits until it is let in.'),
      error: why,
    },
  ),
  Isolation: object<Isolation>({
    memory: enforcement('`max_memory_mb`.'),
    cpu: enforcement('`max_cpu_percent`.'),
    processes: enforcement('`max_processes`.'),
    user: enforcement("A user id of its own: no other plugin's files, no signals to others."),
    files: enforcement('No files but its own.'),
    network: enforcement('No network but the broker.'),
  }),
  InstanceEnd: object<InstanceEnd>(
    {
      instance: text('The instance id.'),
      version: text('Its version.'),
      at: time('When.'),
      verdict: oneOf(endVerdicts, 'What it came to.'),
      text: text('As the end of a sentence that begins with the plugin.'),
    },
    {
      output: listOf(text('A line.'), 'What it printed last, the oldest line first; of the latest end only.'),
    },
  ),
  Restarts: object<Restarts>(
    { failures: count('Failures in a row.') },
    {
      next_at: time('When it is started again.'),
      stays_down: flag('It is not started again until somebody orders it or changes its folder.'),
    },
  ),
  PluginInfo: object<PluginInfo>(
    { ...entry, telemetry: { ...ref('PluginTelemetry'), description: 'Over its instances.' } },
    {
      ...maybe,
      unknown_since: time('From the gateway: nobody vouches for what is said here since this time.'),
    },
  ),
  RegistryEntry: object<RegistryEntry>(entry, maybe),
  Lease: object<Lease>({
    host: text('The name of the machine.'),
    pid: count('The process there.'),
    process_started: text(
      'When the process started, as the system tells it; with the pid it names the process.',
    ),
    epoch: count('Another supervisor has another one.'),
    renewed_at: time('When it was renewed.'),
  }),
};

function enforcement(what: string): SchemaOf<Enforcement> {
  return {
    ...object<Enforcement>({
      strength: oneOf(
        enforcementStrengths,
        'By the system at once, or when it is noticed; `none`: it does not hold.',
      ),
      by: text(
        'Such as `cgroup-v2`, `cgroup-v1`, `rlimit`, `watchdog`, `user`, `landlock`, `seccomp`, `none`.',
      ),
      note: text('What that means here, and what it does not stop, for people.'),
    }),
    description: what,
  };
}
