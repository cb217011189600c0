import { BkgError } from '@bkg/sdk';

const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/** How many bytes of tensors all invocations together hold in memory. */
export class ByteBudget {
  readonly #mostBytes: number;
  #heldBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get mostBytes(): number {
    return this.#mostBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes the memory for a payload. Throws PAYLOAD_TOO_LARGE when it never fits, BUSY when it does not now. */
  hold(bytes: number): Hold {
    const most = mebibytes(this.#mostBytes);
    if (bytes > this.#mostBytes) {
      const message = `the tensors take ${mebibytes(bytes)}; allowed are ${most} (the setting max_tensor_mb): send fewer or smaller ones`;
      throw new BkgError('PAYLOAD_TOO_LARGE', message);
    }
    if (this.#heldBytes + bytes > this.#mostBytes) {
      const message = `no room for tensors of ${mebibytes(bytes)}: other invocations hold ${mebibytes(this.#heldBytes)} of ${most}, try again shortly`;
      throw new BkgError('BUSY', message);
    }
    let held = 0;
    const change = (to: number): void => {
      this.#heldBytes += to - held;
      held = to;
    };
    change(bytes);
    return { change, [Symbol.dispose]: () => change(0) };
  }
}

export interface Hold extends Disposable {
  /** It is another number of bytes now, which are there already, and may be more than there is room for. */
  change: (bytes: number) => void;
}
