import type { Payload } from '@nats-io/nats-core';
import { byteLength } from './outgoing.ts';
import type { HeaderValues } from './outgoing.ts';

export interface KeptReply {
  subject: string;
  data: Payload;
  headers: HeaderValues | undefined;
}

const mostBytes = 8 * 1024 * 1024;

/** Replies while the broker is away. nats.js forgets what was published then when it dials the next time. */
export class KeptReplies {
  #replies: KeptReply[] = [];
  #bytes = 0;

  get size(): number {
    return this.#replies.length;
  }

  /** @returns false when there are too many already */
  keep({ subject, data, headers }: KeptReply): boolean {
    const bytes = byteLength(data);
    if (this.#bytes + bytes > mostBytes) return false;
    this.#bytes += bytes;
    // The owner of its bytes may write into them again.
    this.#replies.push({ subject, data: typeof data === 'string' ? data : Buffer.from(data), headers });
    return true;
  }

  /** Gives away those to subjects that begin so, oldest first. */
  take(prefix: string): KeptReply[] {
    const taken = this.#replies.filter(({ subject }) => subject.startsWith(prefix));
    this.#replies = this.#replies.filter(({ subject }) => !subject.startsWith(prefix));
    this.#bytes = this.#replies.reduce((sum, { data }) => sum + byteLength(data), 0);
    return taken;
  }
}
