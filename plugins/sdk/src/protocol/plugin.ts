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
  stream: boolean;
  upload: boolean;
  idempotent: boolean;
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
  resources: {
    /** Default and ceiling of an invocation's time. */
    timeout_secs: number;
  };
  limits: {
    /** Handlers that run at the same time in one instance. */
    max_concurrency: number;
    /** Invocations that wait for a handler in one instance; one more is answered BUSY. */
    max_queue: number;
  };
  revision: number;
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
  /** The one that runs, or else the last one. */
  rollout?: Rollout;
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
  resources: { timeout_secs: 30 },
  limits: { max_concurrency: 64, max_queue: 1024 },
  revision: 0,
};

/** KV buckets and their keys. */
export const buckets = {
  desired: 'bkg_desired',
  registry: 'bkg_registry',
  lease: 'bkg_lease',
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
