import type { Broker } from '../mesh/broker.ts';

/** Of the broker's message: for the headers, and for what a proxy or a leaf node adds. */
const reservedBytes = 64 * 1024;

/** The largest payload that is passed on. */
export function payloadMostBytes({ maxPayloadBytes }: Broker): number {
  return maxPayloadBytes - reservedBytes;
}

/** What to do about one that is larger, as a sentence. */
export const payloadRemedy = `That is max_payload of nats-server less ${reservedBytes}: send less at once, or raise max_payload.`;
