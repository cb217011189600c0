import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { newline, takeLines } from './lines.ts';

export interface SpoolOptions {
  file: string;
  /** How far an earlier supervisor has read. */
  offset: number;
  /** A line is given up as one when it is longer. @default 256 KiB */
  lineMostBytes?: number;
  /** A file of which at most `lineMostBytes` are not read yet is emptied when it is larger. @default 1 MiB */
  keptMostBytes?: number;
  /** What is not read yet may be this much; more is skipped. @default 16 MiB */
  waitingMostBytes?: number;
  /** Of what is more, the newest that is read, four times a second while that goes on. @default 64 KiB */
  floodReadBytes?: number;
}

export interface SpoolLine {
  bytes: Buffer;
  /** It went on, for longer than is read. */
  isCut: boolean;
}

export interface Pulled {
  lines: SpoolLine[];
  /** Bytes that nobody will see: the process writes faster than can be read. At least so many, by our looks at its size. */
  skippedBytes: number;
  /** There is more to read at once. */
  more: boolean;
}

/** The newest of a flood is read so often: to read all of it takes longer than to write it. */
const floodReadEveryMs = 250;
/** Until nothing was written in the meantime: what comes after the last look at the size is lost. */
const looksMost = 5;
const nothing = Buffer.alloc(0);

/**
 * A file to which a process writes its output, read as it grows. A pipe would end with its reader, and then the
 * process at its next line.
 *
 * The process appends, so that the file can be emptied under it. Nothing is written back: what the process writes while
 * the file is emptied would come before it. What it writes between our last look at the size and the emptying is lost:
 * some microseconds, after each `keptMostBytes` of output.
 */
export class Spool {
  readonly #handle: number;
  readonly #lineMostBytes: number;
  readonly #keptMostBytes: number;
  readonly #waitingMostBytes: number;
  readonly #floodReadBytes: number;
  #offset: number;
  /** Comes before what is in the file, where it is not any more. */
  #carried: Buffer = nothing;
  /** The rest of a line that was given up. */
  #inLongLine = false;
  #seenSize = -1;
  /** By `performance.now()`; undefined when the last look found no flood. */
  #floodReadAt: number | undefined;
  #floodBuffer: Buffer | undefined;
  /** Lost when the file was emptied, and not told yet. */
  #skippedBytes = 0;
  #pulled: { used: number; inLongLine: boolean; seenSize: number } | undefined;

  constructor(options: SpoolOptions) {
    this.#handle = openSync(options.file, 'a+', 0o600);
    this.#offset = options.offset;
    this.#lineMostBytes = options.lineMostBytes ?? 256 * 1024;
    this.#keptMostBytes = options.keptMostBytes ?? 1024 * 1024;
    this.#waitingMostBytes = options.waitingMostBytes ?? 16 * 1024 * 1024;
    this.#floodReadBytes = options.floodReadBytes ?? 64 * 1024;
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
   * Up to `lineMostBytes` of new lines; the same again until they are accepted. Empties a large file.
   * @param isEnd nothing more will be written: the last line needs no end
   */
  pull(isEnd = false): Pulled {
    this.#pulled = undefined;
    const { size: sizeSeen } = fstatSync(this.#handle);
    // Emptied by an earlier supervisor that could not note it any more, or by somebody else.
    if (sizeSeen < this.#offset) this.#offset = 0;
    const isFlood = this.#isFlood(sizeSeen);
    const size = isFlood ? this.#keepNewest(sizeSeen) : this.#keepRest(sizeSeen);
    if (isFlood && !this.#isFloodReadDue()) return { lines: [], skippedBytes: 0, more: true };
    const isSeen = this.#carried.length === 0 && size === this.#seenSize && this.#skippedBytes === 0;
    if (isSeen && !isEnd) return { lines: [], skippedBytes: 0, more: false };

    const mostBytes = this.#lineMostBytes - this.#carried.length;
    const read = this.#read(this.#offset, Math.min(size - this.#offset, mostBytes));
    const chunk = this.#carried.length > 0 ? Buffer.concat([this.#carried, read]) : read;
    const { lines, used: usedByLines } = takeLines(chunk);
    const pulled = lines.map((line): SpoolLine => ({ bytes: line, isCut: false }));
    let inLongLine = this.#inLongLine;
    if (inLongLine && pulled.length > 0) {
      pulled.shift();
      inLongLine = false;
    }
    let used = usedByLines;
    const rest = chunk.subarray(used);
    const isWhole = this.#offset + read.length >= size;
    const isTooLong = rest.length === this.#lineMostBytes || (isFlood && rest.length > 0);
    if (isTooLong || (isEnd && isWhole && rest.length > 0)) {
      if (!inLongLine) pulled.push({ bytes: rest, isCut: isTooLong });
      inLongLine = isTooLong;
      used += rest.length;
    }
    this.#pulled = { used, inLongLine, seenSize: isWhole ? size : -1 };
    return { lines: pulled, skippedBytes: this.#skippedBytes, more: isFlood || !isWhole };
  }

  /** What was pulled is kept elsewhere. */
  accept(): void {
    if (!this.#pulled) return;
    const { used, inLongLine, seenSize } = this.#pulled;
    this.#offset += Math.max(0, used - this.#carried.length);
    this.#carried = used < this.#carried.length ? this.#carried.subarray(used) : nothing;
    this.#inLongLine = inLongLine;
    this.#seenSize = seenSize;
    this.#pulled = undefined;
    this.#skippedBytes = 0;
  }

  /** Whether more is written than can be read. */
  #isFlood(size: number): boolean {
    // In small steps once it has begun: neighbours notice the emptying of a large file.
    const waitingMost =
      this.#floodReadAt === undefined ? this.#waitingMostBytes : this.#keptMostBytes + this.#lineMostBytes;
    // The end of one that is written to all the time may never be reached.
    const isFlood = size - this.#offset > waitingMost || this.#offset > this.#waitingMostBytes;
    if (!isFlood) this.#floodReadAt = undefined;
    return isFlood;
  }

  /** Empties a large file of which little is not read yet. @returns its size */
  #keepRest(size: number): number {
    if (this.#offset <= this.#keptMostBytes || size - this.#offset > this.#lineMostBytes) return size;
    const rest = this.#read(this.#offset, size - this.#offset);
    // The middle of a line may be the middle of a write, whose end would be lost.
    if (rest.length > 0 && rest.at(-1) !== newline) return size;
    if (rest.length > 0 && fstatSync(this.#handle).size !== size) return size;
    this.#empty();
    this.#carried = rest;
    return 0;
  }

  /** Empties a file of which too much is not read yet. @returns its size */
  #keepNewest(sizeSeen: number): number {
    const buffer = (this.#floodBuffer ??= Buffer.allocUnsafeSlow(this.#floodReadBytes));
    let size = sizeSeen;
    let from = 0;
    let newest: Buffer = nothing;
    for (let looks = 0; looks < looksMost; looks += 1) {
      from = Math.max(this.#offset, size - this.#floodReadBytes);
      const length = Math.max(0, size - from);
      newest = buffer.subarray(0, readSync(this.#handle, buffer, 0, length, from));
      const before = size;
      ({ size } = fstatSync(this.#handle));
      if (size === before) break;
    }
    const waiting = this.#carried.length + Math.max(0, size - this.#offset);
    const isBeginningLost = from > this.#offset;
    this.#empty();
    this.#carried = this.#wholeLines(newest, isBeginningLost);
    this.#skippedBytes += waiting - this.#carried.length;
    return 0;
  }

  #empty(): void {
    ftruncateSync(this.#handle, 0);
    this.#offset = 0;
    this.#seenSize = -1;
  }

  /**
   * Not the end of a line whose beginning is lost, nor the beginning of one whose end is.
   * @returns all of it when no line ends in it, unless that is a line that was given up
   */
  #wholeLines(bytes: Buffer, isBeginningLost: boolean): Buffer {
    const end = bytes.lastIndexOf(newline) + 1;
    if (end === 0) return this.#inLongLine ? nothing : bytes;
    const begin = isBeginningLost || this.#inLongLine ? bytes.indexOf(newline) + 1 : 0;
    this.#inLongLine = false;
    return bytes.subarray(begin, end);
  }

  #isFloodReadDue(): boolean {
    const now = performance.now();
    if (this.#floodReadAt !== undefined && now - this.#floodReadAt < floodReadEveryMs) return false;
    this.#floodReadAt = now;
    return true;
  }

  /** The last of what was written, read or not. */
  tail(mostBytes: number): string {
    const { size } = fstatSync(this.#handle);
    const from = Math.max(0, size - mostBytes);
    const inFile = this.#read(from, size - from);
    return Buffer.concat([this.#carried, inFile]).subarray(-mostBytes).toString();
  }

  close(): void {
    closeSync(this.#handle);
  }

  /** @param mostBytes less than none when the process has emptied its file since it was looked at */
  #read(offset: number, mostBytes: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, mostBytes));
    return bytes.subarray(0, readSync(this.#handle, bytes, 0, bytes.length, offset));
  }
}
