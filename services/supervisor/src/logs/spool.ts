import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { takeLines } from './lines.ts';

export interface SpoolOptions {
  file: string;
  /** How far an earlier supervisor has read. */
  offset: number;
  /** A line is given up as one when it is longer. @default 256 KiB */
  lineMostBytes?: number;
  /** A file that was read to its end is emptied when it is larger. @default 1 MiB */
  keptMostBytes?: number;
  /** What is not read yet may be this much; more is skipped. @default 16 MiB */
  waitingMostBytes?: number;
}

export interface SpoolLine {
  bytes: Buffer;
  /** It went on, for longer than is read. */
  isCut: boolean;
}

export interface Pulled {
  lines: SpoolLine[];
  /** Bytes that nobody will see: the process writes faster than can be read. */
  skippedBytes: number;
  /** There is more to read at once. */
  more: boolean;
}

/**
 * A file to which a process writes its output, read as it grows. A pipe would end with its reader, and then the
 * process at its next line.
 *
 * The process appends, so that the file can be emptied under it. What it writes between our last look at the size and
 * the emptying is lost: some microseconds, after each `keptMostBytes` of output.
 */
export class Spool {
  readonly #handle: number;
  readonly #lineMostBytes: number;
  readonly #keptMostBytes: number;
  readonly #waitingMostBytes: number;
  #offset: number;
  /** The rest of a line that was given up. */
  #inLongLine = false;
  #seenSize = -1;
  /** Lost when the file was emptied, and not told yet. */
  #skippedBytes = 0;
  #pulled: { offset: number; inLongLine: boolean; seenSize: number; empty?: true } | undefined;

  constructor(options: SpoolOptions) {
    this.#handle = openSync(options.file, 'a+', 0o600);
    this.#offset = options.offset;
    this.#lineMostBytes = options.lineMostBytes ?? 256 * 1024;
    this.#keptMostBytes = options.keptMostBytes ?? 1024 * 1024;
    this.#waitingMostBytes = options.waitingMostBytes ?? 16 * 1024 * 1024;
  }

  /** For the process. */
  get handle(): number {
    return this.#handle;
  }

  /** Where the first line begins that was not accepted. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Up to `lineMostBytes` of new lines; the same again until they are accepted.
   * @param isEnd nothing more will be written: the last line needs no end
   */
  pull(isEnd = false): Pulled {
    const { size } = fstatSync(this.#handle);
    // Emptied by an earlier supervisor that could not note it any more, or by somebody else.
    if (size < this.#offset) this.#offset = 0;
    if (size === this.#seenSize && !isEnd) return { lines: [], skippedBytes: 0, more: false };
    if (size - this.#offset > this.#waitingMostBytes) return this.#pullNewest(size);

    const chunk = this.#read(this.#offset, Math.min(size - this.#offset, this.#lineMostBytes));
    const { lines, used } = takeLines(chunk);
    const pulled = lines.map((line): SpoolLine => ({ bytes: line, isCut: false }));
    let inLongLine = this.#inLongLine;
    if (inLongLine && pulled.length > 0) {
      pulled.shift();
      inLongLine = false;
    }
    let offset = this.#offset + used;
    const rest = chunk.subarray(used);
    const isWhole = offset + rest.length >= size;
    const isTooLong = rest.length === this.#lineMostBytes;
    if (isTooLong || (isEnd && isWhole && rest.length > 0)) {
      if (!inLongLine) pulled.push({ bytes: rest, isCut: isTooLong });
      inLongLine = isTooLong;
      offset += rest.length;
    }
    this.#pulled = { offset, inLongLine, seenSize: isWhole ? size : -1 };
    return { lines: pulled, skippedBytes: this.#skippedBytes, more: !isWhole };
  }

  /** What was pulled is kept elsewhere. Empties a large file when little of it is not read yet. */
  accept(): void {
    if (!this.#pulled) return;
    const { offset, inLongLine, seenSize, empty } = this.#pulled;
    this.#offset = offset;
    this.#inLongLine = inLongLine;
    this.#seenSize = seenSize;
    this.#pulled = undefined;
    this.#skippedBytes = 0;
    const { size } = fstatSync(this.#handle);
    // Its process has emptied it: the next look begins anew.
    if (size < offset) return;
    const isNearEnd = offset > this.#keptMostBytes && size - offset <= this.#lineMostBytes;
    // The end of one that is written to all the time may never be reached.
    const isTooLarge = offset > this.#waitingMostBytes;
    if (empty || isNearEnd || isTooLarge) this.#empty(size);
  }

  /** What is not read yet, the newest of it, begins the file anew. */
  #empty(sizeSeen: number): void {
    const from = Math.max(this.#offset, sizeSeen - this.#keptMostBytes);
    const newest = this.#read(from, sizeSeen - from);
    // Reading takes a moment, too. Whoever writes much in it loses some, and is told so.
    const { size } = fstatSync(this.#handle);
    const late = this.#read(sizeSeen, Math.max(0, Math.min(size - sizeSeen, this.#lineMostBytes)));
    ftruncateSync(this.#handle, 0);
    const keptBytes = this.#write(Buffer.concat([newest, late]));
    this.#skippedBytes = Math.max(0, size - this.#offset - keptBytes);
    if (this.#skippedBytes > 0) this.#inLongLine = true;
    this.#offset = 0;
    this.#seenSize = keptBytes > 0 ? -1 : 0;
  }

  /** @returns how much of it is written: a full disk may take none, which is told as lost */
  #write(bytes: Buffer): number {
    try {
      return bytes.length > 0 ? writeSync(this.#handle, bytes) : 0;
    } catch {
      return 0;
    }
  }

  /** The last of what was written, read or not. */
  tail(mostBytes: number): string {
    const { size } = fstatSync(this.#handle);
    const from = Math.max(0, size - mostBytes);
    return this.#read(from, size - from).toString();
  }

  close(): void {
    closeSync(this.#handle);
  }

  /** There is too much: the newest `keptMostBytes` are enough, and then the file is emptied. */
  #pullNewest(size: number): Pulled {
    const from = size - this.#keptMostBytes;
    const chunk = this.#read(from, this.#keptMostBytes);
    const { lines, used } = takeLines(chunk);
    const rest = chunk.subarray(used);
    // The first began before; the end of the last will come.
    const pulled = lines.slice(1).map((line): SpoolLine => ({ bytes: line, isCut: false }));
    if (rest.length > 0) pulled.push({ bytes: rest.subarray(0, this.#lineMostBytes), isCut: true });
    this.#pulled = { offset: size, inLongLine: rest.length > 0, seenSize: -1, empty: true };
    const firstBytes = (lines[0]?.length ?? -1) + 1;
    return { lines: pulled, skippedBytes: this.#skippedBytes + from - this.#offset + firstBytes, more: true };
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, readSync(this.#handle, bytes, 0, length, offset));
  }
}
