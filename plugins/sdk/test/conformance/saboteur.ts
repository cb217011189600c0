import type { Msg, Payload, Subscription, SubscriptionOptions } from '@nats-io/nats-core';
import { Connection } from '../../src/connection.ts';
import type { SendOptions } from '../../src/connection.ts';
import { inboxRoot } from '../../src/protocol/subjects.ts';
import { silentLogger } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';

export type Headers = Record<string, string | undefined>;

export interface Reply {
  /** What was asked. */
  subject: string;
  body: string;
  headers?: Headers | undefined;
}

/** A part of a stream: a chunk, or credit. */
export interface Frame {
  to: string;
  body: Payload;
  headers: Headers;
  reply: string | undefined;
}

/** What is done to a plugin that is in order, so that it breaks one rule. */
export interface Sabotage {
  /** Other answers than the one that the plugin gives. */
  reply?: (reply: Reply) => Reply[];
  /** Other frames than the one that the plugin sends. */
  frame?: (frame: Frame) => Frame[];
  /** What an event becomes; undefined: it is not published. */
  event?: (subject: string, body: string) => string | undefined;
  /** A request as the plugin sees it; undefined: it does not. */
  request?: (msg: Msg) => Msg | undefined;
  /** Instead of waiting for what is on its way. */
  drain?: (connection: Connection) => Promise<void>;
}

/** A connection that spoils what goes over it. */
export class SabotagedConnection extends Connection {
  readonly #sabotage: Sabotage;

  constructor(connection: Connection, sabotage: Sabotage) {
    super(connection.nats, { identity: ['sabotage'], log: silentLogger });
    this.#sabotage = sabotage;
  }

  static async of(server: TestServer, sabotage: Sabotage): Promise<SabotagedConnection> {
    return new SabotagedConnection(await server.connect('sabotage'), sabotage);
  }

  override subscribe(subject: string, options: SubscriptionOptions): Subscription {
    const { request } = this.#sabotage;
    const { callback } = options;
    if (!request || !callback) return super.subscribe(subject, options);
    return super.subscribe(subject, {
      ...options,
      callback: (error, msg) => {
        const seen = error ? msg : request(msg);
        if (seen) void callback(error, seen);
      },
    });
  }

  override respond(msg: Msg, data: Payload, headers?: Headers): boolean {
    const reply: Reply = { subject: msg.subject, body: String(data), headers };
    const replies = this.#sabotage.reply?.(reply) ?? [reply];
    const asked = originals.get(msg) ?? msg;
    // Where the SDK does not answer, such a plugin does.
    const isForeign = asked.reply !== undefined && !asked.reply.startsWith(inboxRoot);
    const send = (one: Reply): boolean =>
      isForeign
        ? super.publish(asked.reply ?? '', one.body, one.headers)
        : super.respond(asked, one.body, one.headers);
    return replies.map(send).every(Boolean);
  }

  override send(to: string, body: Payload, { reply, headers = {}, onLost }: SendOptions): void {
    const frame: Frame = { to, body, headers, reply };
    for (const one of this.#sabotage.frame?.(frame) ?? [frame])
      super.send(one.to, one.body, { reply: one.reply, headers: one.headers, onLost });
  }

  override publish(subject: string, data: Payload, headers?: Headers): boolean {
    const { event } = this.#sabotage;
    const body = event ? event(subject, String(data)) : String(data);
    return body === undefined || super.publish(subject, body, headers);
  }

  override async drain(subscriptions: readonly Subscription[]): Promise<void> {
    const { drain } = this.#sabotage;
    await (drain ? drain(this) : super.drain(subscriptions));
  }
}

const originals = new WeakMap<Msg, Msg>();

/** A message of which the plugin sees something otherwise; it is answered where it came from. */
export function altered(msg: Msg, change: Partial<Pick<Msg, 'headers' | 'reply' | 'data'>>): Msg {
  // Of its bytes the SDK would read the headers that it came with.
  const seenOf = { ...change, ...('headers' in change && { _msg: undefined }) };
  const seen = new Proxy(msg, {
    get: (target, name) =>
      (Object.hasOwn(seenOf, name) ? Reflect.get(seenOf, name) : Reflect.get(target, name)) as unknown,
  });
  originals.set(seen, msg);
  return seen;
}
