import { BkgError, PluginError } from '@bkg/sdk';
import { abortable } from './abortable.ts';
import { candleError } from './errors.ts';
import type { ModelFile } from './locator.ts';
import { Model, type ModelOptions } from './model.ts';
import { keyOf } from './model-id.ts';
import type { Signature } from './signature.ts';

export interface PoolOptions {
  /** Models in memory at the same time, pinned ones included. */
  maxResident: number;
  /** Pinned models are never put out to make room. */
  isPinned: (key: string) => boolean;
  /** For the log: a model has come into memory … */
  onLoaded: (key: string, loadMs: number) => void;
  /** … and one had to leave it. */
  onEvicted: (key: string, by: string) => void;
  /** Nobody waits any more for a load that went on. */
  onDropped: (key: string) => void;
  model: Omit<ModelOptions, 'after'>;
}

export interface Resident {
  model: Model;
  /** Invocations and loads that use it now; 0 means that it may be put out. */
  users: number;
  loadedAt?: number;
  lastUsedAt: number;
  /** The number of its last use, counted over all models: a clock can give two uses the same time. */
  lastUse: number;
  /** Set when it has left the pool: its last user closes it. */
  retired?: PromiseWithResolvers<void>;
}

interface Failure {
  identity: string;
  error: Error;
  at: number;
}

/** How long a load that failed is remembered: a process per invocation of a damaged file would be a way to keep us busy. */
const FAILURE_MS = 10_000;
const MAX_FAILURES = 256;

const crashCodes = new Set(['CANDLE_MODEL_CRASHED', 'CANDLE_MODEL_UNSTABLE']);

/** The models in memory. Least recently used goes first, never one that is pinned or at work. */
export class ModelPool {
  readonly #residents = new Map<string, Resident>();
  readonly #failures = new Map<string, Failure>();
  #uses = 0;
  readonly #closing = new Set<Promise<void>>();
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get residents(): ReadonlyMap<string, Resident> {
    return this.#residents;
  }

  /** Why the last load of this very file failed. */
  failure(file: ModelFile): Error | undefined {
    const failure = this.#failures.get(keyOf(file));
    return failure?.identity === file.identity ? failure.error : undefined;
  }

  /** Forgets that a model failed, so that the next use tries again at once. */
  forgive(key: string): void {
    this.#failures.delete(key);
    this.#options.model.crashes.forget(key);
  }

  /**
   * Loads the model if it is not in memory and lets `work` use it; it stays at least until `work` is done.
   * Throws BUSY, CANDLE_NO_ROOM, the errors of a load, or the signal's reason: the load then goes on for the others who
   * wait for it, or for the pin, and without any of them it is dropped.
   */
  async use<T>(
    file: ModelFile,
    signal: AbortSignal,
    work: (model: Model, signature: Signature) => Promise<T>,
  ): Promise<T> {
    const resident = this.#take(file);
    resident.users++;
    try {
      const loading = this.#load(resident);
      return await work(resident.model, await abortable(loading, signal));
    } finally {
      resident.users--;
      resident.lastUsedAt = Date.now();
      this.#uses += 1;
      resident.lastUse = this.#uses;
      if (resident.users === 0) this.#leave(resident);
    }
  }

  /** Ends a model when nobody uses it any more; who comes later loads it anew. False when it was not in memory. */
  async unload(key: string): Promise<boolean> {
    const resident = this.#residents.get(key);
    if (resident) await this.#remove(resident);
    return resident !== undefined;
  }

  /** Ends all models; waits for those who use one, so their signals have to be aborted or their work be done. */
  async close(): Promise<void> {
    await Promise.all([...this.#residents.values()].map((resident) => this.#remove(resident)));
    await Promise.all(this.#closing);
  }

  /** Its last user has gone. */
  #leave(resident: Resident): void {
    resident.retired?.resolve();
    const { key } = resident.model;
    const isLoading = resident.loadedAt === undefined && this.#residents.get(key) === resident;
    if (isLoading && !this.#options.isPinned(key)) {
      this.#options.onDropped(key);
      void this.#remove(resident);
    }
  }

  #take(file: ModelFile): Resident {
    const key = keyOf(file);
    const failure = this.#failures.get(key);
    if (failure && failure.identity === file.identity && Date.now() - failure.at < FAILURE_MS)
      throw failure.error;
    const known = this.#residents.get(key);
    if (known?.model.file.identity === file.identity) return known;
    const after = known ? this.#remove(known) : this.#makeRoom(key);
    const model = new Model(file, { ...this.#options.model, ...(after && { after }) });
    const resident: Resident = { model, users: 0, lastUse: 0, lastUsedAt: Date.now() };
    this.#residents.set(key, resident);
    return resident;
  }

  async #load(resident: Resident): Promise<Signature> {
    const { model } = resident;
    // In memory already; should its process have ended, the queue brings the next one.
    if (resident.loadedAt !== undefined && model.signature) return model.signature;
    const startedAt = Date.now();
    try {
      const signature = await model.load();
      if (resident.loadedAt === undefined) this.#options.onLoaded(model.key, Date.now() - startedAt);
      resident.loadedAt ??= Date.now();
      this.#failures.delete(model.key);
      return signature;
    } catch (error) {
      if (this.#residents.get(model.key) === resident) this.#residents.delete(model.key);
      this.#remember(model, error);
      throw error;
    }
  }

  #remember(model: Model, error: unknown): void {
    // Crashes have a log of their own, which says when to try again; what has no code is not the model's fault.
    if (!(error instanceof PluginError) || crashCodes.has(error.code)) return;
    this.#failures.delete(model.key);
    this.#failures.set(model.key, { identity: model.file.identity, error, at: Date.now() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest);
  }

  #makeRoom(key: string): Promise<void> | undefined {
    const { maxResident, isPinned } = this.#options;
    if (this.#residents.size < maxResident) return undefined;
    const unpinned = [...this.#residents.values()].filter(({ model }) => !isPinned(model.key));
    const idle = unpinned.filter(({ users }) => users === 0);
    const [oldest] = idle.sort((a, b) => a.lastUse - b.lastUse);
    if (oldest) {
      this.#options.onEvicted(oldest.model.key, key);
      return this.#remove(oldest);
    }
    if (unpinned.length > 0) {
      throw new BkgError(
        'BUSY',
        `no room for ${key}: all ${maxResident} resident models are at work, try again shortly`,
      );
    }
    const remedy = 'unload one, or raise the setting max_resident_models';
    throw candleError(
      'CANDLE_NO_ROOM',
      `no room for ${key}: all ${maxResident} resident models are pinned; ${remedy}`,
    );
  }

  #remove(resident: Resident): Promise<void> {
    if (this.#residents.get(resident.model.key) === resident) this.#residents.delete(resident.model.key);
    // Who uses it may still be about to queue something.
    const retired = (resident.retired ??= Promise.withResolvers<void>());
    if (resident.users === 0) retired.resolve();
    const closing = retired.promise
      .then(() => resident.model.close())
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    return closing;
  }
}
