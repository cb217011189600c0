import { BkgError, chunkMostBytes, windowBytesDefault, windowDefault } from '@bkg/sdk';

/** One stream, as far as what waits of it counts. */
interface Waiting {
  bytes: number;
  end: (why: BkgError) => void;
}

/**
 * The memory for chunks that wait for clients. Half of it is shared out as windows, each stream an equal part; the other half is for
 * chunks that are larger than those before them. When that does not do, the stream ends of which the most waits.
 */
export class ChunkRoom {
  readonly #owner: string;
  readonly #mostBytes: number;
  readonly #streams = new Set<Waiting>();
  #bytes = 0;

  /** @param owner for whom they wait, in an error */
  constructor(owner: string, mostBytes: number) {
    this.#owner = owner;
    this.#mostBytes = mostBytes;
  }

  /** What waits at the moment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many streams may have something waiting. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Whether one more chunk fits in, however large it is. */
  get hasPlace(): boolean {
    return this.#bytes + chunkMostBytes <= this.#mostBytes;
  }

  /** What a stream may have under way now. */
  get shareBytes(): number {
    const sharedBytes = this.#mostBytes / 2;
    return Math.max(0, Math.min(sharedBytes / this.#streams.size, sharedBytes - this.#bytes));
  }

  enter(stream: Waiting): void {
    this.#streams.add(stream);
  }

  /** Of a stream that has entered so many bytes more wait, or fewer. */
  count(change: number): void {
    this.#bytes += change;
  }

  /** Ends a stream when there is not enough room. */
  relieve(): void {
    if (this.#bytes <= this.#mostBytes) return;
    const detail = `More than ${this.#mostBytes} bytes of chunks wait for ${this.#owner}, and of no stream more than of this one: take them sooner.`;
    this.#largest()?.end(new BkgError('CANCELLED', detail));
  }

  leave(stream: Waiting): void {
    if (this.#streams.delete(stream)) this.#bytes -= stream.bytes;
  }

  #largest(): Waiting | undefined {
    let largest: Waiting | undefined;
    for (const stream of this.#streams) if (stream.bytes > (largest?.bytes ?? -1)) largest = stream;
    return largest;
  }
}

/** What waits of one stream, in all rooms where that counts. */
export class ChunkPlace {
  readonly #rooms: readonly ChunkRoom[];
  readonly #waiting: Waiting;
  #hasLeft = false;

  /** @param onCrowded there is no room for it any more; it has left */
  constructor(rooms: readonly ChunkRoom[], onCrowded: (why: BkgError) => void) {
    this.#rooms = rooms;
    this.#waiting = {
      bytes: 0,
      end: (why) => {
        this.leave();
        onCrowded(why);
      },
    };
    for (const room of rooms) room.enter(this.#waiting);
  }

  /** What it may have under way now; a chunk may always be. */
  get windowBytes(): number {
    return Math.min(windowBytesDefault, ...this.#rooms.map(({ shareBytes }) => shareBytes));
  }

  /**
   * Chunks that may come before the first one has shown how large they are: as many as fit when they are as large as the
   * SDK makes them. Small ones make up for it with the next credit.
   */
  get firstWindow(): number {
    return Math.max(1, Math.min(windowDefault, Math.floor(this.windowBytes / chunkMostBytes)));
  }

  count(change: number): void {
    if (this.#hasLeft) return;
    this.#waiting.bytes += change;
    for (const room of this.#rooms) room.count(change);
    // Only now: whoever ends leaves all of them.
    for (const room of this.#rooms) room.relieve();
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    for (const room of this.#rooms) room.leave(this.#waiting);
  }
}
