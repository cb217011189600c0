const mebibyte = 1024 * 1024;
/** Sooner it would only flicker. */
const shownAfterMs = 1_000;
const redrawEveryMs = 200;

export interface ProgressOptions {
  /** @default process.stderr */
  stream?: Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean };
  shownAfterMs?: number;
}

/** A moving line on a terminal about a transfer that takes a while: `sent 12.5 of 64.0 MiB, 10.2 MiB/s`. */
export class Progress implements Disposable {
  readonly #stream: NonNullable<ProgressOptions['stream']>;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #shownAfterMs: number;
  #what: string;
  #total: number | undefined;
  #bytes = 0;
  #isDrawn = false;

  constructor(what: string, total: number | undefined, options: ProgressOptions = {}) {
    [this.#what, this.#total] = [what, total];
    this.#stream = options.stream ?? process.stderr;
    this.#shownAfterMs = options.shownAfterMs ?? shownAfterMs;
    if (this.#stream.isTTY) this.#timer = setInterval(() => this.#draw(), redrawEveryMs).unref();
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#isDrawn) this.#stream.write('\r\x1b[2K');
    this.#isDrawn = false;
  }

  #draw(): void {
    const ms = performance.now() - this.#startedAt;
    if (ms < this.#shownAfterMs || this.#bytes === 0) return;
    this.#stream.write(`\r\x1b[2K${progressText(this.#what, this.#bytes, this.#total, ms)}`);
    this.#isDrawn = true;
  }
}

export function progressText(what: string, bytes: number, total: number | undefined, ms: number): string {
  const amount = (bytes / mebibyte).toFixed(1);
  const of = total === undefined ? '' : ` of ${(total / mebibyte).toFixed(1)}`;
  return `${what} ${amount}${of} MiB, ${((bytes / mebibyte / ms) * 1_000).toFixed(1)} MiB/s`;
}
