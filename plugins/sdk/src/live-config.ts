import { isDeepStrictEqual } from 'node:util';
import type { PluginDefinition } from './define-plugin.ts';
import type { Dispatcher } from './dispatcher.ts';
import { settlesWithin } from './host/delay.ts';
import type { Logger } from './logger.ts';
import { BkgError } from './protocol/errors.ts';
import type { PayloadError } from './protocol/errors.ts';
import { completeConfig } from './protocol/plugin.ts';
import type { JsonSchema, PluginConfig } from './protocol/plugin.ts';
import { configSchemas } from './protocol/schemas/config.ts';
import { settingsErrors } from './settings.ts';
import { createValidator } from './validator.ts';

export interface LiveConfigOptions {
  plugin: PluginDefinition;
  /** What is in force at the start. */
  config: PluginConfig;
  dispatcher: Dispatcher;
  log: Logger;
  /** Fulfilled when `plugin.start` has ended: before it, there is nothing that could take settings over. */
  prepared: Promise<void>;
  /** Aborts when the instance takes no orders any more. */
  ending: AbortSignal;
  /** For one order. @default 10000 */
  mostMs?: number;
}

/** Orders that wait for the one before them. */
const waitingMost = 16;
/** A whole one, but for what it may lack because an older supervisor has written it. */
const validate = createValidator(schemaOfOlder());

/** The configuration of a running instance, and what becomes of another one: it is taken over whole, or not at all. */
export class LiveConfig {
  readonly #options: LiveConfigOptions;
  readonly #mostMs: number;
  #config: PluginConfig;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** The plugin's `configure` runs: in its time, or after it was given up. */
  #isTaking = false;

  constructor(options: LiveConfigOptions) {
    this.#options = options;
    this.#mostMs = options.mostMs ?? 10_000;
    this.#config = options.config;
  }

  /**
   * Brings another configuration into force, after all that was ordered before. Its `env`, `replicas` and the like are
   * not the instance's business.
   * @throws BkgError INVALID_PAYLOAD for what is none, CONFLICT for other settings that cannot be taken over,
   *   DEADLINE_EXCEEDED, BUSY; INTERNAL with the reason when the plugin's `configure` fails
   */
  async apply(given: unknown): Promise<void> {
    if (this.#waiting >= waitingMost) {
      throw new BkgError('BUSY', `${waitingMost} configurations wait to be taken over: try again shortly.`);
    }
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#apply(given)).finally(() => (this.#waiting -= 1));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #apply(given: unknown): Promise<void> {
    const { plugin, dispatcher, log } = this.#options;
    // That of the process cannot change; the order may not even say what is secret of it.
    const config = { ...this.#checked(given), env: this.#config.env };
    if (!isDeepStrictEqual(config.settings, this.#config.settings)) await this.#takeOver(config);
    this.#assertAlive();
    dispatcher.configure(config);
    this.#config = config;
    log.info({ revision: config.revision }, `${plugin.id} has another configuration`);
  }

  #checked(given: unknown): PluginConfig {
    const { plugin } = this.#options;
    const errors = validate(given);
    if (errors.length > 0) throw invalid('The configuration', errors);
    const config = given as Partial<PluginConfig>;
    if (config.id === plugin.id) return completeConfig(plugin.id, config);
    throw invalid('The configuration', [{ path: '/id', message: `must be ${plugin.id}` }]);
  }

  async #takeOver(config: PluginConfig): Promise<void> {
    const { plugin, prepared } = this.#options;
    if (!plugin.configure) {
      throw new BkgError(
        'CONFLICT',
        `${plugin.id} reads its settings when it starts: replace the instance, or give the plugin a configure.`,
      );
    }
    const errors = settingsErrors(plugin, config.settings);
    if (errors.length > 0) {
      throw invalid(
        'The settings',
        errors.map(({ path, message }) => ({ path: `/settings${path}`, message })),
      );
    }
    if (!(await settlesWithin(prepared, this.#mostMs))) {
      throw new BkgError('DEADLINE_EXCEEDED', `${plugin.id} still prepares itself after ${this.#mostMs} ms.`);
    }
    this.#assertAlive();
    await this.#configure(config, plugin.configure);
  }

  /** The plugin's own part, which may do what it likes: it is waited for so long, and no second one runs beside it. */
  async #configure(
    config: PluginConfig,
    configure: NonNullable<PluginDefinition['configure']>,
  ): Promise<void> {
    const { plugin, log, ending } = this.#options;
    if (this.#isTaking) {
      throw new BkgError(
        'CONFLICT',
        `${plugin.id} still takes over settings that it was given earlier, for longer than it may: replace the instance.`,
      );
    }
    const over = new AbortController();
    const context = { log, signal: AbortSignal.any([over.signal, ending]) };
    this.#isTaking = true;
    // What it throws at once is a rejection too.
    const work = new Promise<void>((resolve) => resolve(configure(structuredClone(config), context)));
    const done = (): void => void (this.#isTaking = false);
    void work.then(done, done);
    let inTime: boolean;
    try {
      inTime = await settlesWithin(work, this.#mostMs);
    } catch (error) {
      throw this.#failure(error);
    }
    if (inTime) return;
    const late = `${plugin.id} did not take over its settings within ${this.#mostMs} ms; the old ones are in force.`;
    const error = new BkgError('DEADLINE_EXCEEDED', late);
    over.abort(error);
    throw error;
  }

  #failure(error: unknown): BkgError {
    const { plugin, log, ending } = this.#options;
    if (ending.aborted) return this.#ended();
    if (error instanceof BkgError) return error;
    log.error({ error }, 'the settings could not be taken over');
    const why = error instanceof Error ? error.message : String(error);
    return new BkgError('INTERNAL', `${plugin.id} could not take over its settings: ${why}`);
  }

  #assertAlive(): void {
    if (this.#options.ending.aborted) throw this.#ended();
  }

  #ended(): BkgError {
    return new BkgError('CONFLICT', `This instance of ${this.#options.plugin.id} is ending.`);
  }
}

function schemaOfOlder(): JsonSchema {
  const { required, properties, ...rest } = configSchemas.PluginConfig as Record<string, unknown> & {
    required: string[];
    properties: Record<string, object>;
  };
  return {
    ...rest,
    required: required.filter((name) => name !== 'sandbox'),
    properties: { ...properties, resources: { ...properties['resources'], required: ['timeout_secs'] } },
  };
}

function invalid(what: string, errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path || 'it'} ${message}`).join('; ');
  return new BkgError('INVALID_PAYLOAD', `${what} cannot be taken over: ${list}.`, { errors });
}
