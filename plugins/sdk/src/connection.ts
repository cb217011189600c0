import type {
  Msg,
  NatsConnection,
  Payload,
  PublishOptions,
  Subscription,
  SubscriptionOptions,
} from '@nats-io/nats-core';
import { InvalidArgumentError, PermissionViolationError } from '@nats-io/nats-core';
import { settlesWithin } from './host/delay.ts';
import { noteMessage } from './host/message-garbage.ts';
import { Inbox } from './inbox.ts';
import { KeptReplies } from './kept-replies.ts';
import type { KeptReply } from './kept-replies.ts';
import type { Logger } from './logger.ts';
import { sizeOf } from './message-headers.ts';
import { byteLength, encodeHeaders, mostBytes } from './outgoing.ts';
import type { HeaderValues, Outgoing } from './outgoing.ts';
import { BkgError } from './protocol/errors.ts';
import { inboxRoot, isInbox, subjects } from './protocol/subjects.ts';
import { brokerAway } from './request-failures.ts';
import { Requests } from './requests.ts';
import type { RequestManyOptions, RequestOptions, StreamRequestOptions } from './requests.ts';
import type { ReplyStream } from './stream/reply-stream.ts';
import { createReplyToken } from './token.ts';
import { Turn } from './turn.ts';

export interface ConnectionOptions {
  /** The tokens after `_INBOX.`: replies to this connection arrive below them. */
  identity: string[];
  log: Logger;
  /** Whether what is sent in one turn of the event loop goes out in one write. @default true */
  joinWrites?: boolean;
}

export interface SendOptions {
  reply?: string | undefined;
  headers?: HeaderValues | undefined;
  /** The broker went away before it was sent. */
  onLost: (why: Error) => void;
}

const flushTimeoutMs = 2_000;
/** Who waits for a kept reply reconnects at the same time as we do, and must be there first. */
const keptRepliesDelayMs = 1_000;
/** Those that are remembered. */
const refusalsMost = 256;
/** Larger messages fill a write by themselves. */
const joinMostBytes = 48 * 1024;

/** A connection to the broker with what bkg promises of it: no wait without an end, nothing buffered without a bound. */
export class Connection {
  /** For subscriptions, JetStream and KV. */
  readonly nats: NatsConnection;
  readonly #log: Logger;
  readonly #inbox: Inbox;
  readonly #requests: Requests;
  readonly #kept = new KeptReplies();
  readonly #turn: Turn<Outgoing> | undefined;
  readonly #listeners = new Set<(connected: boolean) => void>();
  /** What the broker has refused since it was connected, in its words. */
  readonly #refusals = new Set<string>();
  #connected = true;
  #droppedEvents = 0;

  constructor(nats: NatsConnection, { identity, log, joinWrites = true }: ConnectionOptions) {
    this.nats = nats;
    this.#log = log;
    this.#turn = joinWrites ? new Turn((message) => this.#sendJoined(message), keepBytes) : undefined;
    const subscribe: Connection['subscribe'] = (...to) => subscribeTo(nats, log, ...to);
    this.#inbox = new Inbox({ subscribe }, subjects.inbox(...identity, createReplyToken(), '*'));
    this.#requests = new Requests(this.#inbox, {
      isConnected: () => this.connected,
      send: (message) => this.#send(message),
    });
    void this.#watch();
  }

  get connected(): boolean {
    return this.#connected && !this.nats.isClosed();
  }

  /** Events that were not published because the broker was away. */
  get droppedEvents(): number {
    return this.#droppedEvents;
  }

  /** Reply subjects on which something may still come. */
  get openReplies(): number {
    return this.#inbox.size;
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
    return subscribeTo(this.nats, this.#log, subject, options);
  }

  /**
   * One request, one reply. A failed reply is returned like any other: look with `problemOfMsg`.
   * @throws NoRespondersError; BkgError PLUGIN_UNAVAILABLE at once while the broker is away, DEADLINE_EXCEEDED,
   *   CANCELLED when `signal` aborts, PAYLOAD_TOO_LARGE, FORBIDDEN when the broker does not let it through
   */
  request(subject: string, data: Payload, options: RequestOptions): Promise<Msg> {
    return this.#requests.one(subject, data, options);
  }

  /** Collects the replies of everybody who listens; none when nobody does. @throws what `request` throws, but for a missing reply */
  requestMany(subject: string, data: Payload, options: RequestManyOptions): Promise<Msg[]> {
    return this.#requests.many(subject, data, options);
  }

  /**
   * One request, whose answer may come as chunks: no more are under way than its reader has room for.
   * @throws BkgError PLUGIN_UNAVAILABLE while the broker is away, CANCELLED when `signal` is aborted already; everything
   *   later is thrown where the stream is read
   */
  requestStream(subject: string, data: Payload, options: StreamRequestOptions): ReplyStream {
    return this.#requests.stream(subject, data, options);
  }

  /** A reply subject of our own, whose messages go to `take` until `leave` is called. */
  openInbox(take: (msg: Msg) => void): { reply: string; leave: () => void } {
    return this.#inbox.open(take);
  }

  /**
   * Publishes a part of something larger: who sends it is told when it is lost.
   * @throws BkgError PAYLOAD_TOO_LARGE
   */
  send(subject: string, data: Payload, { reply, headers, onLost }: SendOptions): void {
    if (this.connected) this.#send({ subject, data, reply, headers, onLost });
    else onLost(brokerAway());
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
   * @returns false when the reply was dropped: there is no reply subject, or one that is no inbox, or too much is kept
   *   already
   * @throws BkgError PAYLOAD_TOO_LARGE
   */
  respond(msg: Msg, data: Payload, headers?: HeaderValues): boolean {
    const subject = msg.reply;
    if (!subject || this.nats.isClosed()) return false;
    // It is the asker's choice, and whoever has more rights than the asker would publish for it.
    if (!isInbox(subject)) {
      this.#log.warn(
        { subject: msg.subject, reply: subject },
        `a reply was dropped: its subject is not under ${inboxRoot}`,
      );
      return false;
    }
    if (!this.connected) {
      // The answerer is told now, while it can still say something shorter.
      if (byteLength(data) > this.maxPayloadBytes) {
        throw this.#tooLarge(data);
      }
      return this.#keep({ subject, data, headers });
    }
    const message: Outgoing = {
      subject,
      data,
      reply: undefined,
      headers,
      onLost: () => void this.#keep(message),
    };
    this.#send(message);
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
    const isDrained = Promise.all(subscriptions.map((subscription) => subscription.drain())).then(
      () => true,
      () => false,
    );
    // While the broker is away nothing arrives, and nats.js would wait for its return.
    if (this.connected && (await this.flush()) && (await isDrained)) return;
    for (const subscription of subscriptions) subscription.unsubscribe();
  }

  /** Sends what is under way and closes. */
  async close(): Promise<void> {
    if (this.nats.isClosed()) return;
    this.sendKept();
    await this.flush();
    if (this.#kept.size > 0)
      this.#log.error(
        { replies: this.#kept.size },
        'replies are lost that were kept for the broker: it is away',
      );
    this.#requests.close();
    this.#inbox.close();
    await this.nats.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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

  #keep(reply: KeptReply): boolean {
    const isKept = this.#kept.keep(reply);
    if (!isKept) this.#log.error('a reply was dropped: the broker is away and too many wait for its return');
    return isKept;
  }

  #publish({ subject, data, reply, headers }: Omit<Outgoing, 'onLost'>): void {
    try {
      // A short text is written into memory that is there already; nats.js would ask for some.
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      this.nats.publish(subject, bytes, optionsOf(reply, headers));
      noteMessage(bytes.length);
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

  /**
   * Sends what was kept for somebody who is heard again already.
   * @param prefix of the reply subjects; '' for everybody
   */
  sendKept(prefix = ''): void {
    if (!this.connected) return;
    for (const kept of this.#kept.take(prefix)) {
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
      else if (status.type === 'error') this.#refused(status.error);
    }
  }

  #refused(error: Error): void {
    // What is sent again and again is told of once: the line may be one of what is refused.
    if (!this.#refusals.has(error.message)) {
      if (this.#refusals.size >= refusalsMost) this.#refusals.clear();
      this.#refusals.add(error.message);
      this.#log.error({ error }, 'the broker refused something');
    }
    if (error instanceof PermissionViolationError && error.operation === 'publish')
      this.#requests.refuse(error.subject);
  }

  #change(connected: boolean, server: string): void {
    this.#connected = connected;
    this.#refusals.clear();
    if (!connected) this.#requests.cutStreams();
    if (connected) setTimeout(() => this.sendKept(), keptRepliesDelayMs);
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

function optionsOf(reply: string | undefined, headers: HeaderValues | undefined): PublishOptions | undefined {
  if (headers) return { reply: reply ?? '', headers: encodeHeaders(headers) };
  return reply ? { reply } : undefined;
}

/** Of a message that waits for the end of the turn: until then the owner of its bytes may write into them again. */
function keepBytes(message: Outgoing): void {
  if (typeof message.data !== 'string') message.data = Buffer.from(message.data);
}

function subscribeTo(
  nats: NatsConnection,
  log: Logger,
  subject: string,
  options: SubscriptionOptions,
): Subscription {
  const { callback } = options;
  if (!callback) return nats.subscribe(subject, options);
  return nats.subscribe(subject, {
    ...options,
    callback: (error, msg) => {
      if (!error) noteMessage(sizeOf(msg));
      try {
        return callback(error, msg);
      } catch (failure) {
        // nats.js would end the connection, and with it what everybody else waits for.
        log.error({ error: failure, subject }, 'a message could not be handled');
      }
    },
  });
}
