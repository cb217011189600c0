import type { Msg } from '@nats-io/nats-core';

/** The first value of each header of a message, by its name as it was sent. */
export type MessageHeaders = ReadonlyMap<string, string>;

/** What nats.js 3.4 keeps of a message: how long its headers and all of it are, and their bytes before those of the payload. */
interface Received {
  _msg?: { hdr?: number; size?: number };
  _rdata?: Uint8Array;
}

const none: MessageHeaders = new Map();
const letters = /^[!-9;-~]*$/;
const lineBreak = /[\r\n]/;

/**
 * Reads all headers of a message at once. nats.js looks at each letter of each name, and through all names for each that is
 * asked for: several µs for a message that is handled in twenty. Where it keeps messages in another way, it is asked.
 * @throws Error that says what is wrong with them, as `msg.headers` does
 */
export function readHeaders(msg: Msg): MessageHeaders {
  const { _msg: { hdr } = {}, _rdata: bytes } = msg as Received;
  if (hdr === undefined || bytes === undefined) return headersOf(msg);
  return hdr > 0 ? parseHeaders(Buffer.from(bytes.buffer, bytes.byteOffset, hdr).toString()) : none;
}

/** How long headers and payload are: to ask for the payload itself makes an object each time. */
export function sizeOf(msg: Msg): number {
  return (msg as Received)._msg?.size ?? msg.data.length;
}

/** By nats.js. */
export function headersOf(msg: Pick<Msg, 'headers'>): MessageHeaders {
  return new Map([...(msg.headers ?? [])].map(([name, [value = '']]) => [name, value]));
}

/** @param text from `NATS/1.0` to the empty line */
function parseHeaders(text: string): MessageHeaders {
  const headers = new Map<string, string>();
  for (let start = text.indexOf('\r\n') + 2; start > 1 && start < text.length;) {
    const next = text.indexOf('\r\n', start);
    const end = next < 0 ? text.length : next;
    const colon = text.indexOf(':', start);
    if (colon >= 0 && colon < end) {
      const name = text.slice(start, colon);
      const value = text.slice(colon + 1, end).trim();
      if (!letters.test(name))
        throw new Error(`the name of the header ${JSON.stringify(name.slice(0, 64))} is none`);
      if (lineBreak.test(value)) throw new Error(`the header ${name.slice(0, 64)} has more than one line`);
      if (!headers.has(name)) headers.set(name, value);
    }
    start = end + 2;
  }
  return headers;
}
