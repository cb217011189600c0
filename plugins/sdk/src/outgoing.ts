import type { MsgHdrs, Payload } from '@nats-io/nats-core';

export type HeaderValues = Record<string, string | undefined>;

/** A message on its way to the broker. */
export interface Outgoing {
  subject: string;
  data: Payload;
  reply: string | undefined;
  headers: HeaderValues | undefined;
  /** The broker went away, or refused it, before it was sent. */
  onLost: (why: Error) => void;
}

const namePattern = /^[!-9;-~]+$/;
const lineBreak = /[\r\n]/;

/**
 * Headers for `publish` of nats.js, which asks for nothing but their bytes. Its own headers come to the same, but look at each
 * letter of each name of each message, which takes six times as long.
 * @throws Error for a name that is none, and for a value of more than one line
 */
export function encodeHeaders(values: HeaderValues): MsgHdrs {
  let text = 'NATS/1.0\r\n';
  for (const name in values) {
    const value = values[name];
    if (value === undefined) continue;
    if (!namePattern.test(name)) throw new Error(`"${name.slice(0, 64)}" is no name of a header.`);
    if (lineBreak.test(value)) throw new Error(`The header ${name} has more than one line.`);
    text += `${name}: ${value.trim()}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`);
  return { encode: () => bytes } as unknown as MsgHdrs;
}

export function byteLength(data: Payload): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}

/** No message is larger than this on the wire: counting its bytes exactly would cost as much as encoding it. */
export function mostBytes({ data, headers }: Outgoing): number {
  let length = data.length;
  for (const name in headers) length += name.length + (headers[name]?.length ?? 0) + 4;
  // UTF-8 takes at most three bytes for a UTF-16 unit; the first line of the headers and their end take 14.
  return 3 * length + 14;
}

/** For the headers of a chunk, about. */
const headersBytes = 4 * 1024;

/** How much of `bytes` fits into one message of a broker that may be set to take less than usual. */
export function messageBytes(bytes: number, { maxPayloadBytes }: { maxPayloadBytes: number }): number {
  return Math.max(1, Math.min(bytes, maxPayloadBytes - headersBytes));
}
