import type { Msg, NatsConnection, Payload, Subscription } from '@nats-io/nats-core';
import { BkgError, connect, describeServers, randomHex } from '@bkg/sdk';
import type {
  Connection,
  Credentials,
  Logger,
  ReplyStream,
  RequestManyOptions,
  RequestOptions,
  SendOptions,
  StreamRequestOptions,
} from '@bkg/sdk';

export interface BrokerOptions {
  servers: string[];
  credentials: Credentials;
  log: Logger;
  /** @default true */
  joinWrites?: boolean;
  /** What goes over it, in the broker's list of connections; undefined for the one over which everything else goes. */
  use?: string;
}

const maxPayloadDefault = 1024 * 1024;

/**
 * A connection to the broker, also while there is none yet: the gateway serves the dashboard and says what is
 * missing before the broker is there for the first time.
 */
export class Broker {
  /** The servers as they may be shown. */
  readonly address: string;
  readonly #options: BrokerOptions;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(connected: boolean) => void>();
  /** Those that were opened beside it. */
  readonly #beside = new Set<Broker>();
  readonly #opened: Promise<void>;
  readonly #closed = Promise.withResolvers<void>();
  #connection: Connection | undefined;

  /** Connects in the background, for as long as it takes. */
  constructor(options: BrokerOptions) {
    this.address = describeServers(options.servers);
    this.#options = options;
    this.#opened = this.#open(options);
  }

  get connected(): boolean {
    return this.#connection?.connected ?? false;
  }

  /** Undefined until the first connection. */
  get nats(): NatsConnection | undefined {
    return this.#connection?.nats;
  }

  /** The largest message the broker takes, headers included. */
  get maxPayloadBytes(): number {
    return this.#connection?.maxPayloadBytes ?? maxPayloadDefault;
  }

  /** One more connection, as this one is but for its use. It closes with this one, if not before. */
  beside(use: string): Broker {
    const { log } = this.#options;
    const another = new Broker({ ...this.#options, use, log: log.child({ connection: use }) });
    this.#beside.add(another);
    void another.#closed.promise.then(() => this.#beside.delete(another));
    return another;
  }

  /** Hears of the first connection too. @returns ends it */
  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws what `Connection.request` throws; PLUGIN_UNAVAILABLE at once while the broker is away */
  request(subject: string, data: Uint8Array | string, options: RequestOptions): Promise<Msg> {
    const connection = this.#connection;
    if (!connection?.connected) return Promise.reject(this.awayError());
    return connection.request(subject, data, options);
  }

  /** @throws what `Connection.requestMany` throws; PLUGIN_UNAVAILABLE at once while the broker is away */
  async requestMany(subject: string, data: string, options: RequestManyOptions): Promise<Msg[]> {
    return this.#live().requestMany(subject, data, options);
  }

  /** @throws what `Connection.requestStream` throws; PLUGIN_UNAVAILABLE while the broker is away */
  requestStream(subject: string, data: Uint8Array | string, options: StreamRequestOptions): ReplyStream {
    return this.#live().requestStream(subject, data, options);
  }

  /** As `Connection.openInbox`. @throws BkgError PLUGIN_UNAVAILABLE while the broker is away */
  openInbox(take: (msg: Msg) => void): { reply: string; leave: () => void } {
    return this.#live().openInbox(take);
  }

  /** As `Connection.send`. */
  send(subject: string, data: Payload, options: SendOptions): void {
    if (this.#connection) this.#connection.send(subject, data, options);
    else options.onLost(this.awayError());
  }

  /** @returns false when the broker is away */
  publish(subject: string, data: string): boolean {
    return this.#connection?.publish(subject, data) ?? false;
  }

  /** As `Connection.drain`; what was opened before the first connection is none. */
  async drain(subscriptions: readonly Subscription[]): Promise<void> {
    await this.#connection?.drain(subscriptions);
  }

  /** Waits until the broker has everything sent so far, at most 2 s. @returns false when it is away, or late */
  async flush(): Promise<boolean> {
    return (await this.#connection?.flush()) ?? false;
  }

  /** Lasts over reconnections. @returns undefined before the first connection */
  subscribe(subject: string, take: (msg: Msg) => void): Subscription | undefined {
    return this.#connection?.subscribe(subject, {
      callback: (error, msg) => {
        // An error here is the connection's, which reports it itself.
        if (!error) take(msg);
      },
    });
  }

  /** For who needs the broker while it is away. */
  awayError(): BkgError {
    const { use } = this.#options;
    const what = use === undefined ? 'The broker' : `The connection for ${use} to the broker`;
    return new BkgError(
      'PLUGIN_UNAVAILABLE',
      `${what} at ${this.address} is away; the gateway keeps trying to reach it.`,
    );
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the connection is being closed'));
    const beside = [...this.#beside].map((another) => another.close());
    await this.#opened;
    await Promise.all([...beside, this.#connection?.close()]);
    this.#closed.resolve();
  }

  #live(): Connection {
    // The connection says the same for itself, in words that do not name the way out.
    if (this.#connection?.connected) return this.#connection;
    throw this.awayError();
  }

  async #open({ servers, credentials, log, joinWrites = true, use }: BrokerOptions): Promise<void> {
    const { signal } = this.#closing;
    try {
      this.#connection = await connect({
        servers,
        credentials,
        log,
        joinWrites,
        name: use === undefined ? 'bkg gateway' : `bkg gateway, ${use}`,
        // Of its own for each replica and use, so that none gets another's replies.
        identity: ['gateway', randomHex(8)],
        signal,
      });
    } catch (error) {
      if (!signal.aborted) log.fatal({ error }, 'the connection to the broker cannot be made');
      return;
    }
    log.info({ broker: this.address }, 'connected to the broker');
    this.#connection.onStatus((connected) => this.#tell(connected));
    this.#tell(true);
  }

  #tell(connected: boolean): void {
    for (const listener of this.#listeners) listener(connected);
  }
}
