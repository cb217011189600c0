import { chunkMostBytes, windowDefault } from '@bkg/sdk';

export interface StreamMemoryOptions {
  /** Of all streams together. @default 64 MiB */
  mostBytes?: number;
  /** Of one, when there are few. @default 512 KiB */
  windowMostBytes?: number;
  /** Of one, however many there are: less would be slower than to do without streams. @default 16 KiB */
  windowLeastBytes?: number;
}

/** What streams may have under way or waiting in this gateway: the more there are, the less each of them. */
export class StreamMemory {
  readonly #options: Required<StreamMemoryOptions>;
  #streams = 0;

  constructor(options: StreamMemoryOptions = {}) {
    this.#options = {
      mostBytes: 64 * 1024 * 1024,
      windowMostBytes: 512 * 1024,
      windowLeastBytes: 16 * 1024,
      ...options,
    };
  }

  /** Those that may hold something here. */
  get streams(): number {
    return this.#streams;
  }

  /** About so much may one hold at present. */
  get windowBytes(): number {
    const { mostBytes, windowMostBytes, windowLeastBytes } = this.#options;
    const share = mostBytes / Math.max(1, this.#streams);
    return Math.max(windowLeastBytes, Math.min(windowMostBytes, share));
  }

  /**
   * Chunks that may come before the first one has shown how large they are: as many as fit when they are as large as the
   * SDK makes them. Small ones make up for it with the next credit.
   */
  get firstWindow(): number {
    return Math.max(1, Math.min(windowDefault, Math.floor(this.windowBytes / chunkMostBytes)));
  }

  /** One more. @returns ends it */
  enter(): () => void {
    this.#streams += 1;
    let isIn = true;
    return () => {
      if (isIn) this.#streams -= 1;
      isIn = false;
    };
  }
}
