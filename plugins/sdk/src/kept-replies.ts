import type { Payload } from '@nats-io/nats-core';

export interface KeptReply {
  subject: string;
  data: Payload;
  headers: Record<string, string | undefined> | undefined;
}

const mostBytes = 8 * 1024 * 1024;

/** Replies while the broker is away. nats.js forgets what was published then when it dials the next time. */
export class KeptReplies {
  #replies: KeptReply[] = [];
  #bytes = 0;

  /** @returns false when there are too many already */
  keep(reply: KeptReply): boolean {
    const bytes = byteLength(reply.data);
    if (this.#bytes + bytes > mostBytes) return false;
    this.#bytes += bytes;
    this.#replies.push(reply);
    return true;
  }

  /** Gives them all away, oldest first. */
  take(): KeptReply[] {
    const replies = this.#replies;
    this.#replies = [];
    this.#bytes = 0;
    return replies;
  }
}

export function byteLength(data: Payload): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}
