import type { Logger, LogLevel } from '@bkg/sdk';
import type { LogCapture, OutputCapture } from './log-capture.ts';

export interface LateCaptureOptions {
  /** @throws what keeps it from being opened */
  open: () => LogCapture;
  instance: string;
  log: Logger;
}

/**
 * The capture of an instance that runs already: when its files cannot be opened it is still looked after, its output waits
 * in them, and each look tries again.
 */
export class LateCapture implements OutputCapture {
  readonly #options: LateCaptureOptions;
  #opened: LogCapture | undefined;
  #closed = false;

  constructor(options: LateCaptureOptions) {
    this.#options = options;
  }

  note(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    if (this.#opened) return this.#opened.note(level, message, fields);
    const { log, instance } = this.#options;
    log.warn({ instance, ...fields }, `its log cannot be opened, and lacks: ${message}`);
  }

  tail(stream: 'stdout' | 'stderr', mostBytes: number): string {
    return this.#opened?.tail(stream, mostBytes) ?? '';
  }

  /** @throws what keeps it from being opened */
  pump(isEnd = false): boolean {
    if (this.#closed) return false;
    this.#opened ??= this.#options.open();
    return this.#opened.pump(isEnd);
  }

  /** @throws what keeps it from being opened */
  async finish(): Promise<void> {
    this.pump();
    await this.#opened?.finish();
  }

  close(): void {
    this.#closed = true;
    this.#opened?.close();
  }
}
