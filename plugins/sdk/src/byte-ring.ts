import type { Payload } from '@nats-io/nats-core';
import { byteLength } from './outgoing.ts';

/** The start of what is in an empty slot. */
const empty = -1;

/**
 * The last of many payloads, in one block of memory that is written round and round: kept as objects they would outlive the
 * young generation, and be the most of what a fast plugin collects.
 */
export class ByteRing {
  readonly #mostBytes: number;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  #block: Buffer | undefined;
  /** Where the next is written. */
  #head = 0;
  #next = 0;
  /** So many slots before the next may be filled; the oldest of them is written over first. */
  #count = 0;

  /** @param slots that are filled in turn, beginning with 0 @param mostBytes of all together */
  constructor(slots: number, mostBytes: number) {
    this.#mostBytes = mostBytes;
    this.#starts = new Int32Array(slots).fill(empty);
    this.#lengths = new Int32Array(slots);
  }

  /** Fills the next slot; it stays empty for undefined, and for what is larger than the whole. @returns which it is */
  push(data: Payload | undefined): number {
    const bytes = data === undefined ? Infinity : byteLength(data);
    const start = bytes <= this.#mostBytes ? this.#roomFor(bytes) : empty;
    if (this.#count === this.#starts.length) this.#dropOldest();
    const slot = this.#next;
    this.#starts[slot] = start;
    this.#lengths[slot] = start === empty ? 0 : bytes;
    this.#next = (slot + 1) % this.#starts.length;
    this.#count += 1;
    if (data === undefined || start === empty) return slot;
    this.#block ??= Buffer.allocUnsafeSlow(this.#mostBytes);
    if (typeof data === 'string') this.#block.write(data, start);
    else this.#block.set(data, start);
    return slot;
  }

  /** Its own copy; undefined when the slot is empty, or what was in it has been written over. */
  get(slot: number): Buffer | undefined {
    const start = this.#starts[slot] ?? empty;
    if (start === empty || !this.#block) return undefined;
    return Buffer.from(this.#block.subarray(start, start + (this.#lengths[slot] ?? 0)));
  }

  /** @returns where so many bytes may be written, all of them in one piece */
  #roomFor(bytes: number): number {
    // Nothing takes a place too: two must not begin at the same.
    const room = Math.max(1, bytes);
    if (this.#head + room > this.#mostBytes) {
      this.#dropFrom(this.#head, this.#mostBytes);
      this.#head = 0;
    }
    const start = this.#head;
    this.#head += room;
    this.#dropFrom(start, this.#head);
    return start;
  }

  /** Those that begin there: no older one reaches into it. */
  #dropFrom(start: number, end: number): void {
    while (this.#count > 0) {
      const oldest = this.#starts[this.#oldest] ?? empty;
      if (oldest !== empty && (oldest < start || oldest >= end)) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    this.#starts[this.#oldest] = empty;
    this.#count -= 1;
  }

  get #oldest(): number {
    const slots = this.#starts.length;
    return (this.#next - this.#count + slots) % slots;
  }
}
