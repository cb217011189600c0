import { ByteQueue } from '../ws/byte-queue.ts';
import { plainText } from '../ws/out-frame.ts';
import type { OutFrame } from '../ws/out-frame.ts';

/**
 * What waits to be sent to one client of a feed. Of states only the latest counts; log lines keep their order, and
 * when there are too many the oldest go, counted: the client is told how many, at the place where they are missing.
 */
export class FrameQueue {
  readonly #lines: ByteQueue<Buffer>;
  #status: Buffer | undefined;
  #telemetry: Buffer | undefined;
  #dropped = 0;

  /** @param mostBytes of log lines that may wait */
  constructor(mostBytes: number) {
    this.#lines = new ByteQueue({
      mostBytes,
      bytesOf: (line) => line.length,
      onDrop: () => (this.#dropped += 1),
    });
  }

  /** Of the log lines that wait. */
  get bytes(): number {
    return this.#lines.bytes;
  }

  /** @param plugin PluginInfo as JSON */
  status(plugin: Buffer): void {
    this.#status = plugin;
  }

  /** @param telemetry PluginTelemetry as JSON */
  telemetry(telemetry: Buffer): void {
    this.#telemetry = telemetry;
  }

  /** @param line LogRecord as JSON */
  log(line: Buffer): void {
    this.#lines.push(line);
  }

  /** The next frame to send, which is then no longer in the queue. */
  next(): OutFrame | undefined {
    return this.#nextStatus() ?? this.#nextTelemetry() ?? this.#nextLoss() ?? this.#nextLine();
  }

  #nextStatus(): OutFrame | undefined {
    const body = this.#status;
    this.#status = undefined;
    return body && { head: '{"type":"status","plugin":', body, tail: '}' };
  }

  #nextTelemetry(): OutFrame | undefined {
    const body = this.#telemetry;
    this.#telemetry = undefined;
    return body && { head: '{"type":"telemetry","telemetry":', body, tail: '}' };
  }

  #nextLoss(): OutFrame | undefined {
    if (this.#dropped === 0) return undefined;
    const frame = plainText(JSON.stringify({ type: 'dropped', count: this.#dropped }));
    this.#dropped = 0;
    return frame;
  }

  #nextLine(): OutFrame | undefined {
    const line = this.#lines.shift();
    // After the record's own members: the last of two is the one that counts.
    return line && { head: '{', body: line.subarray(1, -1), tail: ',"type":"log"}' };
  }
}
