import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../../src/connection.ts';
import { headerNames } from '../../src/protocol/index.ts';
import { eventually } from '../../src/testing.ts';
import { RawCall } from './raw-call.ts';

export interface UploadCallOptions {
  /** As in the header. @default '-' */
  size?: string;
  contentType?: string;
  headers?: Record<string, string>;
  payload?: string;
}

/** An upload in plain NATS, which sends what it is told to and nothing by itself. */
export class UploadCall {
  readonly call: RawCall;
  /** What was said on the subject for credit. */
  readonly signs: Msg[] = [];
  readonly leave: () => void;
  readonly #connection: Connection;
  readonly #inbox: string;
  #seq = 0;

  constructor(connection: Connection, capability: string, options: UploadCallOptions = {}) {
    const { size = '-', contentType, headers = {}, payload = '' } = options;
    this.#connection = connection;
    const { reply, leave } = connection.openInbox((msg) => void this.signs.push(msg));
    this.#inbox = reply;
    this.leave = leave;
    this.call = new RawCall(connection, capability, {
      payload,
      headers: {
        [headerNames.upload]: size,
        [headerNames.flow]: reply,
        ...(contentType && { [headerNames.contentType]: contentType }),
        ...headers,
      },
    });
  }

  /** All that was granted so far. */
  get credit(): number {
    return this.signs.reduce((sum, msg) => sum + (msg.json<{ credit?: number }>().credit ?? 0), 0);
  }

  /** When the instance reads. */
  async wanted(): Promise<void> {
    await eventually(() => this.signs.length > 0);
  }

  send(data: Uint8Array | string, { seq = this.#seq, isLast = false } = {}): void {
    this.#seq = seq + 1;
    this.#connection.send(this.signs[0]?.reply ?? '', data, {
      ...(!isLast && { reply: this.#inbox }),
      headers: {
        [headerNames.seq]: String(seq),
        ...(isLast && { [headerNames.end]: String(seq + 1) }),
      },
      onLost: (why) => {
        throw why;
      },
    });
  }

  end(data: Uint8Array | string = ''): void {
    this.send(data, { isLast: true });
  }
}
