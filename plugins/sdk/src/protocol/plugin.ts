import type { DeclaredError } from './errors.ts';
import type { Rollout } from './rollout.ts';
import type { Status } from './status.ts';
import type { PluginTelemetry } from './telemetry.ts';

/** A JSON Schema 2020-12. */
export type JsonSchema = Record<string, unknown> | boolean;

/** One operation of a plugin. */
export interface PluginCapability {
  id: string;
  name: string;
  description: string;
  input_schema: JsonSchema;
  output_schema: JsonSchema;
  /** Its answer may come as chunks, to who asks for them. */
  stream: boolean;
  /** Its payload may come as chunks. */
  upload: boolean;
  idempotent: boolean;
  /** Of each chunk that is JSON. */
  chunk_schema?: JsonSchema;
  /** The content types that its payload has, when that is not JSON: `image/*`. */
  input_type?: string;
  /** The same of its output. */
  output_type?: string;
  /** The same of the chunks, together: they are pieces of one body. */
  chunk_type?: string;
  errors?: Record<string, DeclaredError>;
}

/** The desired configuration of a plugin. */
export interface PluginConfig {
  id: string;
  /** `false` means stopped, whatever else is wanted. */
  enabled: boolean;
  /** Whether a plugin that was never started or stopped by anybody starts with the mesh. */
  autostart: boolean;
  replicas: number;
  /** Added to the environment of its processes. */
  env: Record<string, string>;
  /** The plugin's own settings, in the shape of its settings schema. */
  settings: Record<string, unknown>;
  /** What its processes may see: `on` as far as the machine can do it, `strict` not started where it cannot. */
  sandbox: Sandbox;
  /** Of one instance, with all that it starts. */
  resources: {
    /** Default and ceiling of an invocation's time. */
    timeout_secs: number;
    /** Resident memory, MiB. Who takes more is killed. */
    max_memory_mb: number;
    /** Of one core: 150 is one core and a half. Who wants more waits. */
    max_cpu_percent: number;
    /** Processes and threads. One more cannot be started. */
    max_processes: number;
  };
  limits: {
    /** Handlers that run at the same time in one instance. */
    max_concurrency: number;
    /** Invocations that wait for a handler in one instance; one more is answered BUSY. */
    max_queue: number;
    /** Of one payload that comes as chunks, MiB. @default uploadMostMbDefault */
    max_upload_mb?: number;
    /** Of all capabilities together. */
    rate_per_second?: number;
    burst?: number;
    /** Of single ones, by their ids; both hold, this and the one of the plugin. */
    capabilities?: Record<string, RateLimit>;
  };
  revision: number;
}

/** A bucket of tokens, one for each invocation; an empty one is answered RATE_LIMITED. */
export interface RateLimit {
  /** Tokens that come back in a second. */
  rate_per_second: number;
  /** Tokens that the bucket holds. @default `rate_per_second`, at least 1 */
  burst?: number;
}

/** `off`: whatever its user may. `on`, `strict`: no files but its own, no network but the broker. */
export const sandboxes = ['off', 'on', 'strict'] as const;
export type Sandbox = (typeof sandboxes)[number];

/** Whether one limit holds on this machine, and what makes it hold. */
export interface Enforcement {
  /** `enforced` by the system at once, `late` when it is noticed, `none`: it does not hold. */
  strength: EnforcementStrength;
  /** `cgroup-v2`, `cgroup-v1`, `rlimit`, `watchdog`, `user`, `landlock`, `seccomp`, `none`; more may come. */
  by: string;
  /** What that means here, and what it does not stop; one sentence for people. */
  note: string;
}

export const enforcementStrengths = ['enforced', 'late', 'none'] as const;
export type EnforcementStrength = (typeof enforcementStrengths)[number];

/** What keeps the instances of a plugin within their limits on this machine. */
export interface Isolation {
  memory: Enforcement;
  cpu: Enforcement;
  processes: Enforcement;
  /** A user id of its own: no other plugin's files, no signals to others. */
  user: Enforcement;
  files: Enforcement;
  network: Enforcement;
}

/** How an instance ended that was not to end. */
export interface InstanceEnd {
  instance: string;
  version: string;
  at: string;
  verdict: EndVerdict;
  /** As the end of a sentence that begins with the plugin: "ended by SIGKILL". */
  text: string;
  /** What it printed last, the oldest line first; of the latest end only. */
  output?: string[];
}

export const endVerdicts = [
  'crashed',
  'out_of_memory',
  'not_started',
  'not_ready',
  'silent',
  'grace_over',
  'rejected',
] as const;
export type EndVerdict = (typeof endVerdicts)[number];

/** What became of a plugin that failed. */
export interface Restarts {
  /** Failures in a row. */
  failures: number;
  /** When it is started again. */
  next_at?: string;
  /** It is not started again until somebody orders it or changes its folder. */
  stays_down?: boolean;
}

/** One process of a plugin. */
export interface PluginInstance {
  instance: string;
  status: Status;
  version: string;
  host: string;
  pid?: number;
  /** Started by the supervisor, and stopped by it. */
  managed: boolean;
  started_at: string;
  /** It is `starting`, could take invocations, and waits until it is let in. */
  held?: boolean;
  /** Why its status is `error`. */
  error?: string;
}

export interface PluginInfo {
  id: string;
  name: string;
  version: string;
  description: string;
  author: string;
  status: Status;
  error?: string;
  capabilities: PluginCapability[];
  config: PluginConfig;
  instances: PluginInstance[];
  /** Those that lie here, and can be swapped to; the one that counts for a start comes first. */
  versions: string[];
  /** Of `config.settings`; absent while that is not known, or when it has none. */
  settings_schema?: JsonSchema;
  /** Other settings are taken over by the instances that run; else these are replaced. */
  settings_live?: boolean;
  /** It owns files: it has one instance at most, and the old one ends before a new one starts. */
  single_writer?: boolean;
  /** What it may invoke of others, as its plugin.json says it. */
  needs?: string[];
  /** The one that runs, or else the last one. */
  rollout?: Rollout;
  /** What keeps it within its limits; absent when nobody here can start it. */
  isolation?: Isolation;
  /** Its last ends that were not wanted, the latest first, at most 5. */
  ends?: InstanceEnd[];
  /** Present while what failed last counts. */
  restarts?: Restarts;
  telemetry: PluginTelemetry;
  observed_at: string;
  /** Set while the supervisor is silent: what is said here was true then, and may not be now. */
  unknown_since?: string;
}

/** What the registry bucket holds of a plugin: everything but telemetry, which changes all the time. */
export type RegistryEntry = Omit<PluginInfo, 'telemetry' | 'unknown_since'>;

export const configDefaults: Omit<PluginConfig, 'id'> = {
  enabled: true,
  autostart: false,
  replicas: 1,
  env: {},
  settings: {},
  sandbox: 'off',
  resources: { timeout_secs: 30, max_memory_mb: 1_024, max_cpu_percent: 100, max_processes: 256 },
  limits: { max_concurrency: 64, max_queue: 1024 },
  revision: 0,
};

/** A configuration with the defaults of what it lacks, as one does that was written before there was so much in it. */
export function completeConfig(id: string, given: Partial<PluginConfig>): PluginConfig {
  return {
    id,
    ...configDefaults,
    ...given,
    resources: { ...configDefaults.resources, ...given.resources },
    limits: { ...configDefaults.limits, ...given.limits },
  };
}

/** KV buckets and their keys. */
export const buckets = {
  desired: 'bkg_desired',
  registry: 'bkg_registry',
  lease: 'bkg_lease',
  keys: 'bkg_keys',
} as const;

export const leaseKey = 'supervisor';
/** A lease that was not renewed for this long means that nobody watches over the registry. */
export const leaseStaleMs = 5_000;

/** The supervisor's claim to be the one that acts. */
export interface Lease {
  host: string;
  pid: number;
  /** When the process started, as the system tells it; with the pid it names the process. */
  process_started: string;
  epoch: number;
  renewed_at: string;
}
