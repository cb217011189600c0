import { headers as createHeaders } from '@nats-io/nats-core';
import type { Msg } from '@nats-io/nats-core';
import { headerNames } from '../../src/protocol/headers.ts';

export interface MessageOptions {
  seq?: number | string;
  end?: number | string;
  reply?: string;
  /** In the first line of the headers, as the server's own word has it. */
  code?: number;
  headers?: Record<string, string>;
}

/** As one that has come over a connection. */
export function message(data: Uint8Array | string, options: MessageOptions = {}): Msg {
  const { seq, end, reply = '', code = 0, headers = {} } = options;
  const hdrs = code === 0 ? createHeaders() : createHeaders(code, 'No Responders');
  if (seq !== undefined) hdrs.set(headerNames.seq, String(seq));
  if (end !== undefined) hdrs.set(headerNames.end, String(end));
  for (const [name, value] of Object.entries(headers)) hdrs.set(name, value);
  const bytes = Buffer.from(data);
  return {
    data: bytes,
    headers: hdrs,
    reply,
    subject: 'a.subject',
    string: () => bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as unknown,
  } as Partial<Msg> as Msg;
}
