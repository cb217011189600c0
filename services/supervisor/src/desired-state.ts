import { configDefaults } from '@bkg/sdk';
import type { Connection, Descriptor, PluginConfig } from '@bkg/sdk';
import { buckets } from '@bkg/sdk';
import { Bucket, UnreadableError } from './bucket.ts';
import type { Stored } from './bucket.ts';
import { firstConfig } from './manifest.ts';
import type { Manifest } from './manifest.ts';

/** The value of `config.<id>`. */
export interface StoredConfig extends PluginConfig {
  by: string;
  at: string;
  why: string;
  /** What the plugin said of itself last, to be shown while it is stopped. */
  descriptor?: Descriptor;
}

/** The value of `run.<id>`. */
export interface RunOrder {
  want: 'running' | 'stopped';
  version: string;
  by: string;
  at: string;
  /** Instances launched before this are replaced: set by a restart, so that a successor completes it. */
  not_before?: string;
}

export interface Kept<T> {
  value: T;
  revision: number;
}

/** What somebody wants of a plugin. */
export interface DesiredPlugin {
  config: Kept<StoredConfig>;
  run: Kept<RunOrder>;
}

const configKey = (id: string): string => `config.${id}`;
const runKey = (id: string): string => `run.${id}`;

/** What is wanted, kept by the broker on its disk. Each write is a compare-and-set, and ends when it is on that disk. */
export class DesiredState {
  readonly #bucket: Bucket;

  constructor(connection: Connection) {
    // A bucket has one number of revisions for all its keys; `run.<id>` could do with one.
    this.#bucket = new Bucket(connection, buckets.desired, { storage: 'file', history: 64 });
  }

  /**
   * Reads what is wanted of a plugin; what is missing is made from its manifest.
   * @returns undefined when something is missing and there is no manifest
   */
  async load(id: string, manifest: Manifest | undefined): Promise<DesiredPlugin | undefined> {
    const [config, run] = await Promise.all([this.#read(configKey(id)), this.#read(runKey(id))]);
    const at = new Date().toISOString();
    const keptConfig = config
      ? { value: completed(id, config.value), revision: config.revision }
      : manifest && (await this.#first(configKey(id), firstStored(manifest, at)));
    if (!keptConfig) return undefined;
    const keptRun = run
      ? { value: orderOf(id, run.value), revision: run.revision }
      : manifest && (await this.#first(runKey(id), firstOrder(manifest, keptConfig.value, at)));
    return keptRun && { config: keptConfig, run: keptRun };
  }

  /** @throws BkgError CONFLICT */
  async order(id: string, before: Kept<RunOrder>, value: RunOrder): Promise<Kept<RunOrder>> {
    return { value, revision: await this.#bucket.write(runKey(id), value, before.revision) };
  }

  /** Keeps what a plugin says of itself. @throws BkgError CONFLICT */
  async describe(before: Kept<StoredConfig>, descriptor: Descriptor): Promise<Kept<StoredConfig>> {
    const value: StoredConfig = {
      ...before.value,
      descriptor,
      by: 'supervisor',
      at: new Date().toISOString(),
      why: `what version ${descriptor.version} says of itself`,
    };
    return { value, revision: await this.#bucket.write(configKey(value.id), value, before.revision) };
  }

  /** What somebody has removed is made anew. */
  async #read(key: string): Promise<Stored | undefined> {
    const stored = await this.#bucket.read(key);
    return stored === 'removed' ? undefined : stored;
  }

  async #first<T>(key: string, value: T): Promise<Kept<T>> {
    return { value, revision: await this.#bucket.write(key, value, 0) };
  }
}

/** The part of a stored configuration that others see. */
export function configOf({ value, revision }: Kept<StoredConfig>): PluginConfig {
  const { by: _by, at: _at, why: _why, descriptor: _descriptor, ...config } = value;
  return { ...config, revision };
}

function firstStored(manifest: Manifest, at: string): StoredConfig {
  return { ...firstConfig(manifest), by: 'manifest', at, why: 'first seen' };
}

function firstOrder({ version }: Manifest, { autostart }: PluginConfig, at: string): RunOrder {
  return { want: autostart ? 'running' : 'stopped', version, by: 'manifest', at };
}

function orderOf(id: string, value: unknown): RunOrder {
  const { want } = (value ?? {}) as Partial<RunOrder>;
  if (want === 'running' || want === 'stopped') return value as RunOrder;
  throw new UnreadableError(`${buckets.desired} ${runKey(id)} does not say what is wanted`);
}

/** An older version may have stored less. */
function completed(id: string, value: unknown): StoredConfig {
  if (typeof value !== 'object' || value === null) {
    throw new UnreadableError(`${buckets.desired} ${configKey(id)} holds something that is no configuration`);
  }
  const stored = value as Partial<StoredConfig>;
  return {
    by: '',
    at: '',
    why: '',
    ...configDefaults,
    ...stored,
    id,
    resources: { ...configDefaults.resources, ...stored.resources },
    limits: { ...configDefaults.limits, ...stored.limits },
  };
}
