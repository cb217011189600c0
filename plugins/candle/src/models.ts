import { join } from 'node:path';
import { PluginError, type Logger } from '@bkg/sdk';
import { abortable } from './abortable.ts';
import { CrashLog } from './crash-log.ts';
import { createInventory, type ModelEntry } from './inventory.ts';
import { createLocator, type Locator, type ModelFile } from './locator.ts';
import type { Model } from './model.ts';
import { keyOf, type ModelRef } from './model-id.ts';
import { ModelPool } from './model-pool.ts';
import { createPins, type Pin, type Pins } from './pins.ts';
import type { Settings } from './settings.ts';
import type { Signature } from './signature.ts';

export interface ModelsOptions {
  /** BKG_HOME: models lie in `models/` and `hub/` below it. */
  homeDir: string;
  /** Shared by the instances of candle; the pins lie here. */
  dataDir: string;
  /** The models that candle ships. */
  bundledDir: string;
  settings: Settings;
  /** How long a start waits for models. @default 60000 */
  startWaitMs?: number;
}

export interface ModelInUse {
  file: ModelFile;
  model: Model;
  signature: Signature;
}

/** The model behind `{"input": "<text>"}` when none is named. It is in memory from the start, but may be put out. */
export const languageModel = 'bkg/language-id';

/** Models on disk, pinned and in memory: what the capabilities and the life of an instance need of them. */
export class Models {
  readonly #locator: Locator;
  readonly #pins: Pins;
  readonly #pool: ModelPool;
  readonly #crashes = new CrashLog();
  readonly #startWaitMs: number;
  /** Keys of the files that the pins mean, as of the last look at the folder. */
  #pinned: ReadonlySet<string> = new Set();
  #log: Logger | undefined;
  readonly #closing = new AbortController();

  constructor({ homeDir, dataDir, bundledDir, settings, startWaitMs = 60_000 }: ModelsOptions) {
    this.#startWaitMs = startWaitMs;
    this.#locator = createLocator({ homeDir, bundledDir });
    this.#pins = createPins(join(dataDir, 'pins'), (name) =>
      this.#log?.warn({ file: name }, 'a file among the pins is none; it is ignored'),
    );
    this.#pool = new ModelPool({
      maxResident: settings.max_resident_models,
      isPinned: (key) => this.#pinned.has(key),
      onLoaded: (key, loadMs) => this.#log?.info({ model: key, load_ms: loadMs }, `${key} is in memory`),
      onEvicted: (key, by) =>
        this.#log?.info({ model: key }, `${key} left the memory to make room for ${by}`),
      onDropped: (key) =>
        this.#log?.info({ model: key }, `nobody waits for ${key} any more: its load is dropped`),
      model: {
        process: {
          threads: settings.threads_per_model,
          loadTimeoutMs: settings.load_timeout_secs * 1000,
        },
        maxQueue: settings.max_queue_per_model,
        abandonedRunMs: settings.abandoned_run_secs * 1000,
        crashes: this.#crashes,
        onCrash: (key, how, output) =>
          this.#log?.error({ model: key, ...(output && { output }) }, `the process of ${key} ${how}`),
        onRestored: (key) => this.#log?.info({ model: key }, `${key} is in memory again`),
        onLost: (key, error) => this.#log?.error({ model: key, error }, `${key} could not be loaded again`),
      },
    });
  }

  /**
   * Brings the language model and the pinned models into memory. A pinned model that cannot be loaded, or not in time,
   * is complained about and left behind: refusing to start for it would take all others away with it.
   * Throws when the shipped model cannot be loaded, because then the runtime itself does not work.
   */
  async start(log: Logger, signal: AbortSignal): Promise<void> {
    this.#log = log;
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(this.#startWaitMs)]);
    const pins = await this.#readPins();
    const language = await this.#locator.locate({ model_id: languageModel });
    const problem = await this.#warmUp(language, inTime, signal);
    if (problem && language.source === 'bundled' && !inTime.aborted) {
      throw new Error(`The model that candle ships cannot be loaded, so no other could: ${problem.message}`, {
        cause: problem,
      });
    }
    for (const { pin, file } of pins.sort((a, b) => a.pin.pinnedAt - b.pin.pinnedAt)) {
      if (file) await this.#warmUp(file, inTime, signal);
      else log.error({ model: keyOf(pin) }, `${keyOf(pin)} is pinned and gone; the start goes on without it`);
    }
  }

  /**
   * Lets `work` use a model, loading it first if need be. Throws what finding, loading and `work` throw, and the
   * signal's reason; a load that nobody else waits for is dropped then, unless the model is pinned.
   */
  async use<T>(ref: ModelRef, signal: AbortSignal, work: (use: ModelInUse) => Promise<T>): Promise<T> {
    const file = await this.#locator.locate(ref);
    // Other instances may have pinned and unpinned models: who makes room has to know.
    if (!this.#pool.residents.has(keyOf(file))) await this.#readPins();
    return this.#pool.use(file, signal, (model, signature) => work({ file, model, signature }));
  }

  /** Loads a model, also one that was given up, and pins it for all instances. */
  async load(ref: ModelRef, signal: AbortSignal): Promise<Omit<ModelInUse, 'model'>> {
    const found = await this.#locator.locate(ref);
    this.#pool.forgive(keyOf(found));
    return this.use(ref, signal, async ({ file, model }) => {
      // It may be known and yet without a process.
      const signature = await abortable(model.load(), signal);
      // Pinned as it was asked for: without a revision the pin means whatever that is at the next start.
      const { model_id } = file;
      await this.#pins.add({ model_id, ...(ref.revision !== undefined && { revision: ref.revision }) });
      await this.#readPins();
      return { file, signature };
    });
  }

  /** Takes every pin off a model, for all instances, and takes it out of the memory of this one. */
  async unload(
    ref: ModelRef,
    signal: AbortSignal,
  ): Promise<{ target: ModelRef; unpinned: boolean; unloaded: boolean }> {
    const found = await this.#locator.locate(ref).catch(toNotFound);
    const target = found instanceof PluginError ? ref : found;
    const key = keyOf(target);
    const pins = (await this.#readPins()).filter(({ pin, file }) => keyOf(file ?? pin) === key);
    const removed = await Promise.all(pins.map(({ pin }) => this.#pins.remove(pin)));
    await this.#readPins();
    const unloaded = await abortable(this.#pool.unload(key), signal);
    const unpinned = removed.includes(true);
    if (found instanceof PluginError && !unpinned && !unloaded) throw found;
    return { target, unpinned, unloaded };
  }

  async list(): Promise<ModelEntry[]> {
    const [files, pins] = await Promise.all([this.#locator.list(), this.#readPins()]);
    return createInventory({
      files,
      pins,
      residents: [...this.#pool.residents.values()],
      problemOf: (file) => this.#problemOf(file),
    });
  }

  /** Ends all model processes. Those who use one must have been answered or aborted before. */
  close(): Promise<void> {
    this.#closing.abort(new Error('candle ends'));
    return this.#pool.close();
  }

  async #warmUp(ref: ModelRef, inTime: AbortSignal, signal: AbortSignal): Promise<Error | undefined> {
    try {
      // Only the start stops waiting at its time; the load itself goes on.
      const wanted = AbortSignal.any([signal, this.#closing.signal]);
      await abortable(
        this.use(ref, wanted, () => Promise.resolve()),
        inTime,
      );
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const key = keyOf(ref);
      const late = inTime.aborted && error === inTime.reason;
      const text = late
        ? `${key} is still being loaded; the start no longer waits for it`
        : `${key} could not be loaded; the start goes on without it`;
      this.#log?.error({ model: key, error }, text);
      return error as Error;
    }
  }

  /** The pins and the files they mean now, if there are any. */
  async #readPins(): Promise<{ pin: Pin; file?: ModelFile }[]> {
    const pins = await Promise.all(
      (await this.#pins.list()).map(async (pin) => {
        const file = await this.#locator.find(pin);
        return { pin, ...(file && { file }) };
      }),
    );
    this.#pinned = new Set(pins.map(({ pin, file }) => keyOf(file ?? pin)));
    return pins;
  }

  #problemOf(file: ModelFile): string | undefined {
    const blockedMs = this.#crashes.blockedForMs(keyOf(file));
    if (blockedMs > 0) return `its process ended too often; tried again in ${Math.ceil(blockedMs / 1000)} s`;
    return this.#pool.failure(file)?.message;
  }
}

/** Lets the one failure through that the caller of `locate` can do something about. */
function toNotFound(error: unknown): PluginError {
  if (error instanceof PluginError && error.code === 'CANDLE_MODEL_NOT_FOUND') return error;
  throw error;
}
