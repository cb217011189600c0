import { crc32 } from 'node:zlib';
import type { Payload } from '@nats-io/nats-core';
import type { HeaderValues } from './outgoing.ts';

/** What was answered. */
export interface Reply {
  data: Payload;
  headers: HeaderValues | undefined;
}

/** One invocation that has been answered. */
interface Answer {
  id: string;
  capability: string;
  bodyBytes: number;
  bodySum: number;
  at: number;
  reply: Reply | undefined;
}

export interface AnsweredOptions {
  /** Most that are remembered. @default 1000 */
  most?: number;
  /** Most of their replies together, a character counted as a byte. @default 1048576 */
  mostBytes?: number;
  /** For so long after the answer. @default 60000 */
  forMs?: number;
}

/** A larger reply is not kept: it would push out hundreds of others. */
const replyMostBytes = 128 * 1024;

/**
 * The invocations that were answered last, by their ids, so that one that is sent twice runs once. It costs a small
 * invocation a part of a microsecond, and one of 1 MiB a fraction of what it takes to read it: of the body its length and checksum are kept, which is enough because the id is its caller's secret,
 * and nothing is looked for when the time of one is over.
 */
export class Answered {
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #forMs: number;
  readonly #byId = new Map<string, Answer>();
  /** All of them, in the order of their coming; a new one takes the place of the oldest. */
  readonly #ring: Answer[] = [];
  #next = 0;
  /** How many of the latest may still have their reply. */
  #keeping = 0;
  #bytes = 0;

  constructor({ most = 1_000, mostBytes = 1024 * 1024, forMs = 60_000 }: AnsweredOptions = {}) {
    this.#most = most;
    this.#mostBytes = mostBytes;
    this.#forMs = forMs;
  }

  /**
   * Undefined for an id that is not known, or not any more. `different` when it was another invocation, `gone` when its reply
   * was not kept.
   */
  find(
    id: string,
    capability: string,
    body: Uint8Array,
    now = performance.now(),
  ): Reply | 'different' | 'gone' | undefined {
    const answer = this.#byId.get(id);
    if (!answer || now - answer.at > this.#forMs) return undefined;
    const isSame =
      answer.capability === capability && answer.bodyBytes === body.length && answer.bodySum === crc32(body);
    if (!isSame) return 'different';
    return answer.reply ?? 'gone';
  }

  /** @param reply undefined when it cannot be given twice */
  keep(
    id: string,
    capability: string,
    body: Uint8Array,
    reply: Reply | undefined,
    now = performance.now(),
  ): void {
    const isKept = reply !== undefined && reply.data.length <= replyMostBytes;
    const answer: Answer = {
      id,
      capability,
      bodyBytes: body.length,
      bodySum: crc32(body),
      at: now,
      reply: isKept ? copyOf(reply) : undefined,
    };
    this.#forget(this.#ring[this.#next]);
    this.#ring[this.#next] = answer;
    this.#next = (this.#next + 1) % this.#most;
    this.#byId.set(id, answer);
    this.#bytes += bytesOf(answer);
    this.#keeping = Math.min(this.#keeping + 1, this.#most);
    while (this.#bytes > this.#mostBytes) this.#dropReply();
  }

  #forget(answer: Answer | undefined): void {
    if (!answer) return;
    this.#bytes -= bytesOf(answer);
    // What has left a Map is kept by it for a while (see `BriefSet`).
    answer.reply = undefined;
    // The id may have been used again after its time.
    if (this.#byId.get(answer.id) === answer) this.#byId.delete(answer.id);
  }

  /** Of the oldest that may have one. */
  #dropReply(): void {
    const oldest = this.#ring[(this.#next - this.#keeping + this.#most) % this.#most];
    this.#keeping -= 1;
    if (!oldest) return;
    this.#bytes -= bytesOf(oldest);
    oldest.reply = undefined;
  }
}

function bytesOf({ reply }: Answer): number {
  return reply?.data.length ?? 0;
}

/** The handler may write into its bytes again, or they are a small part of a large buffer. */
function copyOf({ data, headers }: Reply): Reply {
  return { data: typeof data === 'string' ? data : Buffer.from(data), headers };
}
