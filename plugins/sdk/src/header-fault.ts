import type { Msg } from '@nats-io/nats-core';

/**
 * Why the headers of a message cannot be read; undefined when they can. nats.js reads them when they are first asked for,
 * and throws then: nowhere is that awaited, and out of a subscription's callback it would end the reading of the connection.
 */
export function headerFault(msg: Pick<Msg, 'headers'>): string | undefined {
  try {
    void msg.headers;
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
