import type { Msg } from '@nats-io/nats-core';
import { createToken } from '../../src/token.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import type { Connection } from '../../src/connection.ts';
import { eventually } from '../../src/testing.ts';
import { problemOfMsg } from '../../src/problem.ts';

export interface RawCallOptions {
  plugin?: string;
  window?: number | string;
  payload?: unknown;
  headers?: Record<string, string>;
}

/** An invocation in plain NATS, which does nothing by itself: everything that comes is kept as it is. */
export class RawCall {
  readonly id = createToken();
  readonly msgs: Msg[] = [];
  readonly leave: () => void;
  readonly #connection: Connection;
  readonly #plugin: string;

  constructor(
    connection: Connection,
    capability: string,
    { plugin = 'reel', window, payload = {}, headers = {} }: RawCallOptions = {},
  ) {
    this.#connection = connection;
    this.#plugin = plugin;
    const { reply, leave } = connection.openInbox((msg) => void this.msgs.push(msg));
    this.leave = leave;
    const isRaw = typeof payload === 'string' || payload instanceof Uint8Array;
    connection.send(
      subjects.invokeCapability(plugin, capability),
      isRaw ? payload : JSON.stringify(payload),
      {
        reply,
        headers: {
          [headerNames.invocationId]: this.id,
          ...(window !== undefined && { [headerNames.stream]: String(window) }),
          ...headers,
        },
        onLost: (why) => {
          throw why;
        },
      },
    );
  }

  get chunks(): Msg[] {
    return this.msgs.filter((msg) => !isLast(msg));
  }

  /** Their numbers as they came. */
  get numbers(): number[] {
    return this.msgs.map((msg) => Number(msg.headers?.get(headerNames.seq)));
  }

  get flow(): string {
    return this.msgs[0]?.reply ?? '';
  }

  /** Says on the flow subject of the first chunk. */
  say(what: object): void {
    this.#connection.publish(this.flow, JSON.stringify(what));
  }

  cancel(): void {
    this.#connection.publish(subjects.cancel(this.#plugin), JSON.stringify({ invocation_id: this.id }));
  }

  /** When there are so many. */
  async came(count: number): Promise<void> {
    await eventually(() => this.msgs.length >= count);
  }

  /** The one that ends it. */
  async last(): Promise<Msg> {
    return eventually(() => this.msgs.find(isLast));
  }

  async problem() {
    const msg = await this.last();
    const problem = problemOfMsg(msg);
    if (!problem) throw new Error(`it succeeded with ${msg.string()}`);
    return problem;
  }
}

function isLast({ headers }: Msg): boolean {
  return !headers?.get(headerNames.seq) || Boolean(headers.get(headerNames.end));
}
