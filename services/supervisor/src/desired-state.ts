import { buckets, configDefaults, createValidator, schemaOf } from '@bkg/sdk';
import type { Connection, Descriptor, Manifest, PluginConfig, Rollout as Receipt } from '@bkg/sdk';
import { Bucket, UnreadableError } from './bucket.ts';
import type { Stored } from './bucket.ts';
import { firstConfig } from './manifest.ts';

/** The value of `config.<id>`. */
export interface StoredConfig extends PluginConfig {
  by: string;
  at: string;
  why: string;
  /** The version that was wanted with it; absent in what an old version of bkg has written. */
  version?: string;
  /** The version before it, when it is that of a swap: as long as that one is wanted, the swap is not done. */
  from_version?: string;
  /** Its content and version are those of this revision. */
  restores?: number;
  /** Nobody has configured the plugin: its configuration is that of its plugin.json, whoever has written it. */
  of_manifest?: boolean;
  /** As version 0.2 kept it: now it has a key of its own, so that only configurations are kept as revisions of these. */
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

/** How a configuration came to be. */
export type Circumstances = Pick<
  StoredConfig,
  'by' | 'why' | 'version' | 'from_version' | 'restores' | 'of_manifest'
>;

/** What somebody wants of a plugin. */
export interface DesiredPlugin {
  config: Kept<StoredConfig>;
  run: Kept<RunOrder>;
  /** What the plugin said of itself last, to be shown while it is stopped. */
  descriptor?: Descriptor;
  /** The last rollout that has ended. */
  receipt?: Receipt;
}

/** Who has written what was made of plugin.json. */
export const ofManifest = 'manifest';

const configKey = (id: string): string => `config.${id}`;
const runKey = (id: string): string => `run.${id}`;
const descriptorKey = (id: string): string => `descriptor.${id}`;
const receiptKey = (id: string): string => `rollout.${id}`;

/** What is wanted, kept by the broker on its disk. Each write is a compare-and-set, and ends when it is on that disk. */
export class DesiredState {
  readonly #bucket: Bucket;

  constructor(connection: Connection) {
    // A bucket has one number of revisions for all its keys; the others could do with one.
    this.#bucket = new Bucket(connection, buckets.desired, { storage: 'file', history: 64 });
  }

  /**
   * Reads what is wanted of a plugin; what is missing is made from its manifest.
   * @returns undefined when something is missing and there is no manifest
   */
  async load(id: string, manifest: Manifest | undefined): Promise<DesiredPlugin | undefined> {
    const [config, run, described, rollout] = await Promise.all(
      [configKey(id), runKey(id), descriptorKey(id), receiptKey(id)].map((key) => this.#read(key)),
    );
    const at = new Date().toISOString();
    const keptConfig = config
      ? { value: completed(id, config.value), revision: config.revision }
      : manifest && (await this.#first(configKey(id), firstStored(manifest, at)));
    if (!keptConfig) return undefined;
    const keptRun = run
      ? { value: orderOf(id, run.value), revision: run.revision }
      : manifest && (await this.#first(runKey(id), firstOrder(manifest, keptConfig.value, at)));
    const descriptor = described ? descriptorOf(described.value) : keptConfig.value.descriptor;
    return (
      keptRun && {
        config: keptConfig,
        run: { ...keptRun, value: followed(keptRun.value, keptConfig.value) },
        ...(descriptor && { descriptor }),
        ...(isReceipt(rollout?.value) && { receipt: rollout.value }),
      }
    );
  }

  /** @throws BkgError CONFLICT */
  async order(id: string, before: Kept<RunOrder>, value: RunOrder): Promise<Kept<RunOrder>> {
    return { value, revision: await this.#bucket.write(runKey(id), value, before.revision) };
  }

  /** Writes the next configuration. @throws BkgError CONFLICT */
  async configure(
    before: Kept<StoredConfig>,
    config: PluginConfig,
    circumstances: Circumstances,
  ): Promise<Kept<StoredConfig>> {
    const { id, descriptor, revision } = before.value;
    if (descriptor) await this.describe(id, descriptor);
    const value: StoredConfig = {
      ...config,
      id,
      revision: revision + 1,
      at: new Date().toISOString(),
      ...circumstances,
    };
    return { value, revision: await this.#bucket.write(configKey(id), value, before.revision) };
  }

  /** Undoes a swap that somebody has left half done. @throws BkgError CONFLICT */
  async takeBack(id: string, { config, run }: DesiredPlugin): Promise<Pick<DesiredPlugin, 'config' | 'run'>> {
    const { version } = run.value;
    const history = await this.history(id);
    const before = history.find(({ revision }) => revision === config.value.revision - 1) ?? config.value;
    // Who began it may still be there, asleep: its compare-and-set fails from now on.
    const written = await this.order(id, run, run.value);
    const back = await this.configure(config, configOf(before), {
      by: 'supervisor',
      why: `the swap to ${config.value.version} was not finished`,
      version,
      restores: before.restores ?? before.revision,
      ...(followsManifest(before) && { of_manifest: true }),
    });
    return { config: back, run: written };
  }

  /** The configurations of a plugin that are kept, newest first; what cannot be read is left out. */
  async history(id: string): Promise<StoredConfig[]> {
    const values = await this.#bucket.history(configKey(id));
    return values
      .filter((value) => typeof value === 'object' && value !== null)
      .map((value) => completed(id, value))
      .toReversed();
  }

  /** Keeps what a plugin says of itself. */
  async describe(id: string, descriptor: Descriptor): Promise<void> {
    await this.#bucket.put(descriptorKey(id), JSON.stringify(descriptor));
  }

  /** Keeps what has become of a rollout. */
  async keep(id: string, receipt: Receipt): Promise<void> {
    await this.#bucket.put(receiptKey(id), JSON.stringify(receipt));
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

/** The part of a stored configuration that others see. Its revision counts configurations, not writes. */
export function configOf(stored: StoredConfig): PluginConfig {
  const {
    by: _by,
    at: _at,
    why: _why,
    version: _version,
    from_version: _from,
    restores: _restores,
    of_manifest: _ofManifest,
    descriptor: _descriptor,
    ...config
  } = stored;
  return config;
}

/** Nobody has configured the plugin. */
export function followsManifest({ of_manifest, by }: StoredConfig): boolean {
  return of_manifest ?? by === ofManifest;
}

/** A swap has begun, and it is not written yet that its version is wanted. */
export function isHalfSwapped({ config, run }: DesiredPlugin): boolean {
  const { from_version, version } = config.value;
  return from_version !== undefined && from_version === run.value.version && from_version !== version;
}

function firstStored(manifest: Manifest, at: string): StoredConfig {
  return {
    ...firstConfig(manifest),
    revision: 1,
    by: ofManifest,
    at,
    why: 'first seen',
    version: manifest.version,
  };
}

function firstOrder({ version }: Manifest, { autostart }: PluginConfig, at: string): RunOrder {
  return { want: autostart ? 'running' : 'stopped', version, by: ofManifest, at };
}

/** What nobody has ever ordered is as the configuration has it. */
function followed(run: RunOrder, { autostart }: PluginConfig): RunOrder {
  return run.by === ofManifest ? { ...run, want: autostart ? 'running' : 'stopped' } : run;
}

/** What is no descriptor any more is not shown. */
function descriptorOf(value: unknown): Descriptor | undefined {
  const { capabilities } = Object(value) as Partial<Descriptor>;
  return Array.isArray(capabilities) ? (value as Descriptor) : undefined;
}

const isReceiptOf = createValidator(schemaOf('Rollout'));

/** What does not fit any more is not shown. */
function isReceipt(value: unknown): value is Receipt {
  return value !== undefined && isReceiptOf(value).length === 0;
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
    // Those of version 0.2 had none.
    revision: Number.isSafeInteger(stored.revision) ? Math.max(1, stored.revision ?? 1) : 1,
    resources: { ...configDefaults.resources, ...stored.resources },
    limits: { ...configDefaults.limits, ...stored.limits },
  };
}
