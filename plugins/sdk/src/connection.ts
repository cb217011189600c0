import type {
  Msg,
  MsgHdrs,
  NatsConnection,
  Payload,
  Subscription,
  SubscriptionOptions,
} from '@nats-io/nats-core';
import { headers as createHeaders, InvalidArgumentError } from '@nats-io/nats-core';
import { connect as dial } from '@nats-io/transport-node';
import type { Credentials } from './credentials.ts';
import { delay, settlesWithin } from './host/delay.ts';
import { Inbox } from './inbox.ts';
import { byteLength, KeptReplies } from './kept-replies.ts';
import { createToken } from './token.ts';
import type { Logger } from './logger.ts';
import { BkgError } from './protocol/errors.ts';
import { subjects } from './protocol/subjects.ts';
import { Turn } from './turn.ts';

export interface ConnectOptions {
  /** `nats://127.0.0.1:43121`, one or the nodes of a cluster. */
  servers: string[];
  credentials: Credentials;
  /** Shown in the server's list of connections. */
  name: string;
  /** The tokens after `_INBOX.`: replies to this connection arrive below them. */
  identity: string[];
  log: Logger;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
  /** Whether what is sent in one turn of the event loop goes out in one write. @default true */
  joinWrites?: boolean;
}

export interface RequestOptions {
  timeoutMs: number;
  headers?: Record<string, string | undefined>;
  signal?: AbortSignal;
  /** Replies for which it is false are passed over, where others than the one that is meant may answer. @default any will do */
  accept?: (reply: Msg) => boolean;
}

export interface RequestManyOptions {
  /** How long answers are collected. */
  forMs: number;
  /** Ends the collection early. */
  most?: number;
  signal?: AbortSignal;
}

/** Nobody listens to the subject of a request. */
export class NoRespondersError extends BkgError {
  override name = 'NoRespondersError';

  constructor(subject: string) {
    super('PLUGIN_UNAVAILABLE', `Nobody answers ${subject}.`);
  }
}

interface Outcome<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

interface Exchange<T> {
  onReply: (msg: Msg, outcome: Outcome<T>) => void;
  onLate: (outcome: Outcome<T>) => void;
}

type HeaderValues = Record<string, string | undefined>;

/** A message on its way to the broker. */
interface Outgoing {
  subject: string;
  data: Payload;
  reply: string | undefined;
  headers: HeaderValues | undefined;
  /** The broker went away, or refused it, before it was sent. */
  onLost: (why: Error) => void;
}

const dialTimeoutMs = 2_000;
const firstDialEveryMs = 500;
const flushTimeoutMs = 2_000;
/** Who waits for a kept reply reconnects at the same time as we do, and must be there first. */
const keptRepliesDelayMs = 1_000;
/** Larger messages fill a write by themselves. */
const joinMostBytes = 48 * 1024;

/**
 * Connects, and goes on trying until it succeeds or `signal` aborts; afterwards reconnects for ever.
 * @throws the reason of `signal`
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { servers, credentials, name, log, signal } = options;
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      const nats = await dial({
        servers,
        user: credentials.user,
        pass: credentials.password,
        name,
        inboxPrefix: subjects.inbox(...options.identity),
        timeout: dialTimeoutMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 100,
        reconnectJitter: 400,
        pingInterval: 10_000,
        maxPingOut: 2,
        // Otherwise nats.js gives up for ever after two refusals, one restart of an authentication service.
        ignoreAuthErrorAbort: true,
      });
      return new Connection(nats, options);
    } catch (error) {
      // Once is a broker that is just starting; from then on somebody wants to know.
      if (attempt % 10 === 4)
        log.warn({ servers: describeServers(servers), error }, 'the broker cannot be reached; trying again');
      await delay(firstDialEveryMs, signal);
    }
  }
}

/** The servers as they may be shown: a user and password in a URL are nobody's business. */
export function describeServers(servers: readonly string[]): string {
  return servers.map(withoutCredentials).join(', ');
}

export function withoutCredentials(server: string): string {
  return server.replace(/\/\/[^/]*@/, '//');
}

/** A connection to the broker with what bkg promises of it: no wait without an end, nothing buffered without a bound. */
export class Connection {
  /** For subscriptions, JetStream and KV. */
  readonly nats: NatsConnection;
  readonly #log: Logger;
  readonly #inbox: Inbox;
  readonly #kept = new KeptReplies();
  readonly #turn: Turn<Outgoing> | undefined;
  readonly #listeners = new Set<(connected: boolean) => void>();
  #connected = true;
  #droppedEvents = 0;

  constructor(
    nats: NatsConnection,
    { identity, log, joinWrites = true }: Pick<ConnectOptions, 'identity' | 'log' | 'joinWrites'>,
  ) {
    this.nats = nats;
    this.#log = log;
    this.#turn = joinWrites ? new Turn((message) => this.#sendJoined(message)) : undefined;
    this.#inbox = new Inbox(nats, subjects.inbox(...identity, createToken()));
    void this.#watch();
  }

  get connected(): boolean {
    return this.#connected && !this.nats.isClosed();
  }

  /** Events that were not published because the broker was away. */
  get droppedEvents(): number {
    return this.#droppedEvents;
  }

  /** The largest message the broker takes, headers included. */
  get maxPayloadBytes(): number {
    return this.nats.info?.max_payload ?? 1024 * 1024;
  }

  /** @returns ends the subscription to changes */
  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A callback that throws loses its message and is reported; nothing else happens. */
  subscribe(subject: string, options: SubscriptionOptions): Subscription {
    const { callback } = options;
    if (!callback) return this.nats.subscribe(subject, options);
    return this.nats.subscribe(subject, {
      ...options,
      callback: (error, msg) => {
        try {
          return callback(error, msg);
        } catch (failure) {
          // nats.js would end the connection, and with it what everybody else waits for.
          this.#log.error({ error: failure, subject }, 'a message could not be handled');
        }
      },
    });
  }

  /**
   * One request, one reply. A failed reply is returned like any other: look with `problemOfMsg`.
   * @throws NoRespondersError; BkgError PLUGIN_UNAVAILABLE at once while the broker is away, DEADLINE_EXCEEDED,
   *   CANCELLED when `signal` aborts, PAYLOAD_TOO_LARGE
   */
  request(subject: string, data: Payload, options: RequestOptions): Promise<Msg> {
    const { accept } = options;
    return this.#ask(subject, data, options, {
      onReply: (msg, { resolve, reject }) => {
        if (isNoResponders(msg)) reject(new NoRespondersError(subject));
        else if (!accept || accept(msg)) resolve(msg);
      },
      onLate: ({ reject }) => {
        reject(new BkgError('DEADLINE_EXCEEDED', `No answer on ${subject} within ${options.timeoutMs} ms.`));
      },
    });
  }

  /** Collects the replies of everybody who listens; none when nobody does. @throws what `request` throws, but for a missing reply */
  requestMany(subject: string, data: Payload, options: RequestManyOptions): Promise<Msg[]> {
    const { forMs, most = Infinity, signal } = options;
    const replies: Msg[] = [];
    return this.#ask<Msg[]>(
      subject,
      data,
      { timeoutMs: forMs, ...(signal && { signal }) },
      {
        onReply: (msg, { resolve }) => {
          if (!isNoResponders(msg)) replies.push(msg);
          if (isNoResponders(msg) || replies.length >= most) resolve(replies);
        },
        onLate: ({ resolve }) => resolve(replies),
      },
    );
  }

  /** Publishes what nobody waits for. @returns false when the broker is away: then it is dropped and counted */
  publish(subject: string, data: Payload, headers?: HeaderValues): boolean {
    const onLost = (): void => void (this.#droppedEvents += 1);
    if (this.connected) this.#send({ subject, data, reply: undefined, headers, onLost });
    else onLost();
    return this.connected;
  }

  /**
   * Answers a request. While the broker is away a bounded share of replies is kept for its return.
   * @returns false when the reply was dropped: there is no reply subject, or too much is kept already
   * @throws BkgError PAYLOAD_TOO_LARGE
   */
  respond(msg: Msg, data: Payload, headers?: HeaderValues): boolean {
    const subject = msg.reply;
    if (!subject || this.nats.isClosed()) return false;
    if (!this.connected) {
      // The answerer is told now, while it can still say something shorter.
      if (byteLength(data) > this.maxPayloadBytes) {
        throw this.#tooLarge(data);
      }
      return this.#keep(subject, data, headers);
    }
    const onLost = (): void => void this.#keep(subject, data, headers);
    this.#send({ subject, data, reply: undefined, headers, onLost });
    return true;
  }

  /**
   * Waits until the broker has everything published so far, at most two seconds.
   * @returns false when the broker is away or does not answer in that time
   */
  async flush(): Promise<boolean> {
    this.#turn?.flush();
    if (!this.connected) return false;
    try {
      return await settlesWithin(this.nats.flush(), flushTimeoutMs);
    } catch {
      // The connection was lost meanwhile.
      return false;
    }
  }

  /** Stops the delivery of new messages to these subscriptions; what has arrived reaches their callbacks first. */
  async drain(subscriptions: readonly Subscription[]): Promise<void> {
    // All of them before the first is awaited: a message must not find one open and another closed.
    const drained = Promise.all(subscriptions.map((subscription) => subscription.drain()));
    // While the broker is away nothing arrives, and nats.js would wait for its return.
    drained.catch(() => undefined);
    if (this.connected && (await this.flush())) await drained;
    else for (const subscription of subscriptions) subscription.unsubscribe();
  }

  /** Sends what is under way and closes. */
  async close(): Promise<void> {
    if (this.nats.isClosed()) return;
    await this.flush();
    this.#inbox.close();
    await this.nats.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Publishes with a reply subject of its own, until the exchange is settled, late or cancelled. */
  #ask<T>(
    subject: string,
    data: Payload,
    { timeoutMs, headers, signal }: RequestOptions,
    { onReply, onLate }: Exchange<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.connected) {
        throw brokerAway();
      }
      if (signal?.aborted) throw cancelled(subject);
      const close = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        leave();
      };
      const outcome: Outcome<T> = {
        resolve: (value) => {
          close();
          resolve(value);
        },
        reject: (error) => {
          close();
          reject(error);
        },
      };
      const abort = (): void => outcome.reject(cancelled(subject));
      const timer = setTimeout(onLate, timeoutMs, outcome);
      const { reply, leave } = this.#inbox.open((msg) => onReply(msg, outcome));
      signal?.addEventListener('abort', abort, { once: true });
      try {
        this.#send({ subject, data, reply, headers, onLost: outcome.reject });
      } catch (error) {
        close();
        throw error;
      }
    });
  }

  /** @throws BkgError PAYLOAD_TOO_LARGE */
  #send(message: Outgoing): void {
    if (this.#turn && mostBytes(message) <= Math.min(joinMostBytes, this.maxPayloadBytes)) {
      return this.#turn.add(message);
    }
    // Nothing overtakes what was sent before it.
    this.#turn?.flush();
    this.#publish(message);
  }

  /** At the end of the turn its sender can no longer be thrown at: of what comes here the size is known to do. */
  #sendJoined(message: Outgoing): void {
    try {
      if (this.connected) this.#publish(message);
      else message.onLost(brokerAway());
    } catch (error) {
      this.#log.error({ error, subject: message.subject }, 'a message could not be sent');
      message.onLost(error as Error);
    }
  }

  #keep(subject: string, data: Payload, headers: HeaderValues | undefined): boolean {
    const isKept = this.#kept.keep({ subject, data, headers });
    if (!isKept) this.#log.error('a reply was dropped: the broker is away and too many wait for its return');
    return isKept;
  }

  #publish({ subject, data, reply, headers }: Omit<Outgoing, 'onLost'>): void {
    try {
      this.nats.publish(subject, data, {
        ...(reply && { reply }),
        ...(headers && { headers: encodeHeaders(headers) }),
      });
    } catch (error) {
      if (!(error instanceof InvalidArgumentError) || !error.message.includes('max_payload')) throw error;
      throw this.#tooLarge(data, error);
    }
  }

  #tooLarge(data: Payload, cause?: unknown): BkgError {
    return new BkgError(
      'PAYLOAD_TOO_LARGE',
      `${byteLength(data)} bytes were given, the broker takes ${this.maxPayloadBytes} with headers: send less, or raise max_payload of nats-server.`,
      { cause },
    );
  }

  #sendKept(): void {
    if (!this.connected) return;
    for (const kept of this.#kept.take()) {
      try {
        this.#publish({ ...kept, reply: undefined });
      } catch (error) {
        // The broker may take less than before; the others must not be lost with it.
        this.#log.error({ error, subject: kept.subject }, 'a kept reply could not be sent');
      }
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.nats.status()) {
      if (status.type === 'disconnect') this.#change(false, status.server);
      else if (status.type === 'reconnect') this.#change(true, status.server);
      else if (status.type === 'error')
        this.#log.error({ error: status.error }, 'the broker refused something');
    }
  }

  #change(connected: boolean, server: string): void {
    this.#connected = connected;
    if (connected) setTimeout(() => this.#sendKept(), keptRepliesDelayMs);
    this.#log.warn({ server }, connected ? 'the broker is back' : 'the broker is away');
    for (const listener of this.#listeners) {
      try {
        listener(connected);
      } catch (error) {
        // The next change must be noticed all the same, and by the others this one.
        this.#log.error({ error }, 'a listener to the state of the connection failed');
      }
    }
  }
}

function encodeHeaders(values: HeaderValues): MsgHdrs {
  const encoded = createHeaders();
  for (const name in values) {
    const value = values[name];
    if (value !== undefined) encoded.set(name, value);
  }
  return encoded;
}

/** No message is larger than this on the wire: counting its bytes exactly would cost as much as encoding it. */
function mostBytes({ data, headers }: Outgoing): number {
  let length = data.length;
  for (const name in headers) length += name.length + (headers[name]?.length ?? 0) + 4;
  // UTF-8 takes at most three bytes for a UTF-16 unit; the first line of the headers and their end take 14.
  return 3 * length + 14;
}

/** The server's own word that no subscription takes the subject. */
function isNoResponders(msg: Msg): boolean {
  return msg.data.length === 0 && msg.headers?.code === 503;
}

function brokerAway(): BkgError {
  return new BkgError('PLUGIN_UNAVAILABLE', 'The broker is away; it is being tried again.');
}

function cancelled(subject: string): BkgError {
  return new BkgError('CANCELLED', `The request to ${subject} was cancelled.`);
}
