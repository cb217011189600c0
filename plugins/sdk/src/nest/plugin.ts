import type { CustomTransportStrategy, MessageHandler, MsPattern, TransportId } from '@nestjs/microservices';
import { Server } from '@nestjs/microservices';
import type { Connection } from '../connection.ts';
import type { Instance } from '../instance.ts';
import { launchInstance } from '../launch-instance.ts';
import { LogOutput } from '../log-output.ts';
import { createLogger } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { definitionOf } from './definition.ts';
import type { DefinitionOptions, RegisteredHandler } from './definition.ts';
import { openDefaultFilter } from './exception-filter.ts';
import { BkgLogger } from './logger.ts';
import { ProcessEnd } from './process-end.ts';

export interface BkgPluginOptions extends DefinitionOptions {
  /**
   * Handlers that name another transport are left to it; `Transport.NATS` takes over those that were written for Nest's
   * own. @default bkgTransport
   */
  transportId?: TransportId;
  /** Where the launch contract is read from. @default process.env */
  env?: NodeJS.ProcessEnv;
  /** Instead of standard output, which is where the mesh reads a plugin's log. */
  log?: Logger;
}

/** For handlers of an application with several transports: `@MessagePattern('text.say', bkgTransport)`. */
export const bkgTransport: unique symbol = Symbol('bkg');

/**
 * A Nest microservice as a plugin: each `@MessagePattern` is a capability, run by the same Instance and Dispatcher as
 * any plugin of the SDK.
 *
 *   app.listen ─► onModuleInit ─► onApplicationBootstrap ─► definition ─► launch read ─► connected ─► running
 *                  │ Nest's                                  │ rejects: a handler that cannot be a capability
 *
 *   SIGTERM, ctl.drain, app.close ─► drained ─► onModuleDestroy … onApplicationShutdown ─► exit 0
 *
 * With BKG_HOLD=1 `app.listen` is fulfilled before it takes invocations: when it could, and waits to be admitted.
 * With `enableShutdownHooks()` Nest calls `onModuleDestroy` and `beforeApplicationShutdown` at the signal, as the drain
 * begins; without it the process ends after the drain, and no hook is called.
 */
export class BkgPlugin
  extends Server<never, 'connected' | 'disconnected'>
  implements CustomTransportStrategy
{
  /** Also for the application: `createMicroservice(AppModule, { strategy, logger: strategy.logger })`. */
  override readonly logger: BkgLogger;
  readonly #options: DefinitionOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #handlers: RegisteredHandler[] = [];
  readonly #output = new LogOutput();
  readonly #ending = new AbortController();
  readonly #log: Logger;
  #connection: Connection | undefined;
  #instance: Instance | undefined;
  #processEnd: ProcessEnd | undefined;
  #started: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor({ transportId = bkgTransport, env = process.env, log, ...options }: BkgPluginOptions) {
    super();
    this.transportId = transportId;
    this.#options = options;
    this.#env = env;
    this.#log = log ?? createLogger({ plugin_id: options.id }, { destination: this.#output });
    this.logger = new BkgLogger(this.#log);
    openDefaultFilter();
  }

  override addHandler(
    pattern: MsPattern,
    callback: MessageHandler,
    isEvent = false,
    extras: Record<string, unknown> = {},
  ): void {
    // Kept by ourselves: of two handlers with one pattern Nest's map has only the last.
    this.#handlers.push({ pattern, route: this.normalizePattern(pattern), isEvent, callback, extras });
    super.addHandler(pattern, callback, isEvent, extras);
  }

  /** Called by `app.listen()`, which is fulfilled when the plugin is ready, held or not, and rejected with what keeps it from that. */
  override listen(callback: (error?: unknown) => void): void {
    if (this.#started) {
      callback(new Error(`${this.#options.id} listens already, or has: make a new BkgPlugin.`));
      return;
    }
    this.#started = this.#start();
    this.#started.then(
      () => callback(),
      (error: unknown) => {
        // Nobody waits any more for an application that is told to end, and its end is in order.
        if (this.#processEnd?.asked) return;
        this.#processEnd?.release();
        if (!this.#closed) this.logger.fatal(error);
        callback(error);
      },
    );
  }

  /** Takes no more invocations, answers those it has, and closes the connection: `Instance.drain`. */
  override close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  override on(): void {
    throw new Error('BkgPlugin has no events of its own: subscribe to `app.status`.');
  }

  override unwrap<T>(): T {
    if (!this.#connection)
      throw new Error(`${this.#options.id} is not connected yet: call app.listen() first.`);
    return this.#connection.nats as T;
  }

  async #start(): Promise<void> {
    const definition = definitionOf(this.#options, this.#handlers, (pattern) =>
      this.normalizePattern(pattern),
    );
    this.#processEnd = new ProcessEnd({ drain: () => this.close(), logger: this.logger });
    const { signal } = this.#ending;
    const { instance, connection, log } = await launchInstance(definition, {
      env: this.#env,
      log: this.#log,
      output: this.#output,
      signal,
    });
    this.#instance = instance;
    this.#connection = connection;
    this.logger.use(log);
    connection.onStatus((connected) => this._status$.next(connected ? 'connected' : 'disconnected'));
    this._status$.next('connected');
    void instance.drainAsked.then(() => this.#processEnd?.ask());
    await instance.start(signal);
  }

  async #close(): Promise<void> {
    this.#ending.abort(new Error(`${this.#options.id} was closed before it was ready.`));
    // Why it could not start, `listen` has told.
    await this.#started?.catch(() => undefined);
    await this.#instance?.drain();
    this.#processEnd?.release();
  }
}
