import type { Payload } from '@nats-io/nats-core';
import { createToken } from '../token.ts';
import type { Message } from './suite.ts';

/** What a message of the suite is on the wire. */
export function bodyOf({ body, text, wrong_byte: isSpoilt }: Message): Payload {
  if (text !== undefined) return text;
  if (body === undefined) return '';
  return isSpoilt ? withWrongByte(body) : JSON.stringify(body);
}

/**
 * Within a text, because there a lenient reader puts a replacement character and takes the rest as it is; without any
 * text behind all.
 */
function withWrongByte(body: unknown): Uint8Array {
  const mark = createToken();
  let isMarked = false;
  const marked = JSON.stringify(body, (_, value: unknown) => {
    if (isMarked || typeof value !== 'string') return value;
    isMarked = true;
    return mark + value;
  });
  const [before = '', after = ''] = marked.split(mark);
  return Buffer.concat([Buffer.from(before), Buffer.of(0xff), Buffer.from(after)]);
}
