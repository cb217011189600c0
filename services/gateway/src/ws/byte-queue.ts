import { Fifo } from '@bkg/sdk';

export interface ByteQueueOptions<Item> {
  bytesOf: (item: Item) => number;
  /** Beyond, the oldest go. @default no bound: then somebody else sees to it */
  mostBytes?: number;
  onDrop?: (item: Item) => void;
}

/** A queue that knows how many bytes wait in it. */
export class ByteQueue<Item> {
  readonly #options: ByteQueueOptions<Item>;
  readonly #items = new Fifo<Item>();
  #bytes = 0;

  constructor(options: ByteQueueOptions<Item>) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(item: Item): void {
    const { bytesOf, mostBytes = Infinity, onDrop } = this.#options;
    this.#items.push(item);
    this.#bytes += bytesOf(item);
    while (this.#bytes > mostBytes) {
      const dropped = this.shift();
      if (dropped === undefined) return;
      onDrop?.(dropped);
    }
  }

  shift(): Item | undefined {
    const item = this.#items.shift();
    if (item !== undefined) this.#bytes -= this.#options.bytesOf(item);
    return item;
  }

  /** Takes out what nobody wants any more. */
  removeIf(isMeant: (item: Item) => boolean): void {
    this.#items.removeIf(isMeant);
    this.#bytes = 0;
    for (const item of this.#items) this.#bytes += this.#options.bytesOf(item);
  }
}
