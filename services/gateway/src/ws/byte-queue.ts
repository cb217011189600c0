export interface ByteQueueOptions<Item> {
  bytesOf: (item: Item) => number;
  /** Beyond, the oldest go. @default no bound: then somebody else sees to it */
  mostBytes?: number;
  onDrop?: (item: Item) => void;
}

/** A queue that knows how many bytes wait in it. */
export class ByteQueue<Item> {
  readonly #options: ByteQueueOptions<Item>;
  #items: Item[] = [];
  /** The oldest that is still there: shifting an array of thousands for each one would be slow. */
  #first = 0;
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
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#bytes -= this.#options.bytesOf(item);
    this.#first += 1;
    if (this.#first === this.#items.length || this.#first > 1_024) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Takes out what nobody wants any more. */
  removeIf(isMeant: (item: Item) => boolean): void {
    this.#items = this.#items.slice(this.#first).filter((item) => !isMeant(item));
    this.#first = 0;
    this.#bytes = this.#items.reduce((sum, item) => sum + this.#options.bytesOf(item), 0);
  }
}
