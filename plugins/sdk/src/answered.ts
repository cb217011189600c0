import { crc32 } from 'node:zlib';
import type { Payload } from '@nats-io/nats-core';
import { ByteRing } from './byte-ring.ts';
import { hashOf } from './hash.ts';
import type { HeaderValues } from './outgoing.ts';
import { subjectTokenMost } from './protocol/names.ts';

/** What was answered. */
export interface Reply {
  data: Payload;
  headers: HeaderValues | undefined;
}

export interface AnsweredOptions {
  /** Most that are remembered. @default 1000 */
  most?: number;
  /** Most of their replies together. @default 1048576 */
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
 *
 * Each has a slot, in the order of their coming; a new one takes that of the oldest. What is known of them is in arrays of
 * numbers and bytes, for the reason that `ByteRing` gives; those of one hash are chained, the latest first.
 */
export class Answered {
  readonly #forMs: number;
  readonly #replies: ByteRing;
  readonly #headers: (HeaderValues | undefined)[] = [];
  readonly #capabilities: string[] = [];
  readonly #ids: Buffer;
  /** 0 in a slot that was never filled. */
  readonly #idLengths: Uint8Array;
  readonly #hashes: Int32Array;
  readonly #bodyBytes: Uint32Array;
  readonly #bodySums: Uint32Array;
  readonly #times: Float64Array;
  /** The first slot of each chain, and the one after each; plus one, because 0 says that there is none. */
  readonly #chains: Int32Array;
  readonly #after: Int32Array;

  constructor({ most = 1_000, mostBytes = 1024 * 1024, forMs = 60_000 }: AnsweredOptions = {}) {
    this.#forMs = forMs;
    this.#replies = new ByteRing(most, mostBytes);
    this.#ids = Buffer.allocUnsafeSlow(most * subjectTokenMost);
    this.#idLengths = new Uint8Array(most);
    this.#hashes = new Int32Array(most);
    this.#bodyBytes = new Uint32Array(most);
    this.#bodySums = new Uint32Array(most);
    this.#times = new Float64Array(most);
    this.#chains = new Int32Array(2 ** Math.ceil(Math.log2(most)));
    this.#after = new Int32Array(most);
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
    const slot = this.#slotOf(id);
    if (slot === undefined || now - this.#times[slot]! > this.#forMs) return undefined;
    const isSame =
      this.#capabilities[slot] === capability &&
      this.#bodyBytes[slot] === body.length &&
      this.#bodySums[slot] === crc32(body);
    if (!isSame) return 'different';
    const data = this.#replies.get(slot);
    return data ? { data, headers: this.#headers[slot] } : 'gone';
  }

  /** @param id a subject token @param reply undefined when it cannot be given twice */
  keep(
    id: string,
    capability: string,
    body: Uint8Array,
    reply: Reply | undefined,
    now = performance.now(),
  ): void {
    const isKept = reply !== undefined && reply.data.length <= replyMostBytes;
    const slot = this.#replies.push(isKept ? reply.data : undefined);
    if (this.#idLengths[slot]! > 0) this.#unchain(slot);
    this.#headers[slot] = isKept ? reply.headers : undefined;
    this.#capabilities[slot] = capability;
    this.#bodyBytes[slot] = body.length;
    this.#bodySums[slot] = crc32(body);
    this.#times[slot] = now;
    this.#idLengths[slot] = this.#ids.write(id, slot * subjectTokenMost, subjectTokenMost, 'latin1');
    this.#chain(slot, hashOf(id));
  }

  /** The latest: an id may be used again after its time. */
  #slotOf(id: string): number | undefined {
    const hash = hashOf(id);
    for (let slot = this.#chains[this.#chainOf(hash)]! - 1; slot >= 0; slot = this.#after[slot]! - 1)
      if (this.#hashes[slot] === hash && this.#idAt(slot) === id) return slot;
    return undefined;
  }

  #idAt(slot: number): string {
    const start = slot * subjectTokenMost;
    return this.#ids.toString('latin1', start, start + this.#idLengths[slot]!);
  }

  #chain(slot: number, hash: number): void {
    const chain = this.#chainOf(hash);
    this.#hashes[slot] = hash;
    this.#after[slot] = this.#chains[chain]!;
    this.#chains[chain] = slot + 1;
  }

  #unchain(slot: number): void {
    const chain = this.#chainOf(this.#hashes[slot]!);
    if (this.#chains[chain] === slot + 1) {
      this.#chains[chain] = this.#after[slot]!;
      return;
    }
    let before = this.#chains[chain]! - 1;
    while (this.#after[before] !== slot + 1) before = this.#after[before]! - 1;
    this.#after[before] = this.#after[slot]!;
  }

  #chainOf(hash: number): number {
    return hash & (this.#chains.length - 1);
  }
}
