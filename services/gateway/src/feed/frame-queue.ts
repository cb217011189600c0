/**
 * What waits to be sent to one client of a feed. Of states only the latest counts; log lines keep their order, and
 * when there are too many the oldest go, counted: the client is told how many, at the place where they are missing.
 */
export class FrameQueue {
  readonly #mostBytes: number;
  #status: Buffer | undefined;
  #telemetry: Buffer | undefined;
  #logs: Buffer[] = [];
  /** The oldest line that is still there: shifting an array of thousands for each one would be slow. */
  #first = 0;
  #bytes = 0;
  #dropped = 0;

  /** @param mostBytes of log lines that may wait */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Of the log lines that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  status(frame: Buffer): void {
    this.#status = frame;
  }

  telemetry(frame: Buffer): void {
    this.#telemetry = frame;
  }

  log(frame: Buffer): void {
    this.#logs.push(frame);
    this.#bytes += frame.length;
    while (this.#bytes > this.#mostBytes && this.#takeLog()) this.#dropped += 1;
  }

  /** The next frame to send, which is then no longer in the queue. */
  next(): Buffer | undefined {
    return this.#takeStatus() ?? this.#takeTelemetry() ?? this.#takeLoss() ?? this.#takeLog();
  }

  #takeStatus(): Buffer | undefined {
    const frame = this.#status;
    this.#status = undefined;
    return frame;
  }

  #takeTelemetry(): Buffer | undefined {
    const frame = this.#telemetry;
    this.#telemetry = undefined;
    return frame;
  }

  #takeLoss(): Buffer | undefined {
    if (this.#dropped === 0) return undefined;
    const frame = encodeFrame({ type: 'dropped', count: this.#dropped });
    this.#dropped = 0;
    return frame;
  }

  #takeLog(): Buffer | undefined {
    const frame = this.#logs[this.#first];
    if (!frame) return undefined;
    this.#bytes -= frame.length;
    this.#first += 1;
    if (this.#first === this.#logs.length || this.#first > 1_024) {
      this.#logs = this.#logs.slice(this.#first);
      this.#first = 0;
    }
    return frame;
  }
}

/** A frame as it is sent, for any number of clients. */
export function encodeFrame(frame: { type: string } & Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify(frame));
}
