import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { subjects, TokenBucket } from '@bkg/sdk';
import type { Connection, LogLevel, LogRecord, Logger } from '@bkg/sdk';
import { now } from '../clock.ts';
import type { KnownSecrets } from './known-secrets.ts';
import type { LogFile } from './log-file.ts';
import { recordOf } from './log-line.ts';
import { Spool } from './spool.ts';

export interface LogCaptureOptions {
  pluginId: string;
  instance: string;
  /** Where the process writes to, and how far that is read. */
  files: { out: string; err: string; read: string };
  /** Closed with the capture. */
  log: LogFile;
  connection: Pick<Connection, 'publish'>;
  ownLog: Logger;
  /** Of the instance: stars are kept for them. */
  secrets?: KnownSecrets;
  /** What goes over the bus from one instance; more is in the file only. @default 1 MB */
  busBytesPerSecond?: number;
  /** How long the rest is taken when the process is gone. @default 10000 */
  restMostMs?: number;
}

/** What an instance needs of it. */
export type OutputCapture = Pick<LogCapture, 'note' | 'tail' | 'pump' | 'finish' | 'close'>;

const streams = ['stdout', 'stderr'] as const;
const unwritten = 'the log cannot be written';
const unnoted = 'how far the output is read cannot be noted; a successor keeps some of it twice';

/**
 * Turns what a process writes into records, keeps each in the file and publishes it once. How far the output was read is
 * noted after the records are kept: a supervisor that is killed in between, within some microseconds, leaves a successor
 * that keeps the last few lines twice, or not at all when their file was emptied just then.
 */
export class LogCapture {
  readonly #options: LogCaptureOptions;
  readonly #spools: Record<(typeof streams)[number], Spool>;
  readonly #readFile: number;
  readonly #budget: TokenBucket;
  readonly #busBytesPerSecond: number;
  #unpublished: { count: number; bytes: number; since: number } | undefined;
  /** What does not work now, and was said. */
  readonly #failing = new Set<string>();
  #closed = false;

  constructor(options: LogCaptureOptions) {
    const { files, busBytesPerSecond = 1_000_000 } = options;
    this.#options = options;
    const [out, err] = readOffsets(files.read);
    // What is open is closed again when the next cannot be opened.
    using opened = new DisposableStack();
    opened.defer(() => options.log.close());
    this.#readFile = openSync(files.read, constants.O_RDWR | constants.O_CREAT, 0o600);
    opened.defer(() => closeSync(this.#readFile));
    const stdout = opened.adopt(new Spool({ file: files.out, offset: out }), (spool) => spool.close());
    const stderr = opened.adopt(new Spool({ file: files.err, offset: err }), (spool) => spool.close());
    this.#spools = { stdout, stderr };
    // Its place on the disk is taken now: later there may be none.
    writeOffsets(this.#readFile, out, err);
    opened.move();
    this.#busBytesPerSecond = busBytesPerSecond;
    this.#budget = new TokenBucket({ rate: busBytesPerSecond, burst: busBytesPerSecond }, now());
  }

  /** For the process. */
  get output(): { out: number; err: number } {
    return { out: this.#spools.stdout.handle, err: this.#spools.stderr.handle };
  }

  /** A line of our own about the instance. */
  note(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    const { pluginId, instance } = this.#options;
    const time = new Date().toISOString();
    this.#keep([
      { time, level, plugin_id: pluginId, instance, message, ...fields, by: 'supervisor', source: 'sdk' },
    ]);
  }

  /** The end of what the process has written to a stream, read or not. */
  tail(stream: 'stdout' | 'stderr', mostBytes: number): string {
    return this.#closed ? '' : this.#spools[stream].tail(mostBytes);
  }

  /** Takes what was written since the last time. @returns whether there is more to take at once */
  pump(isEnd = false): boolean {
    if (this.#closed) return false;
    const more = streams.map((stream) => this.#take(stream, isEnd));
    this.#tellUnpublished(isEnd);
    return more.includes(true);
  }

  /** Takes the rest, the process being gone. @throws when the disk takes nothing */
  async finish(): Promise<void> {
    const { restMostMs = 10_000 } = this.#options;
    const until = now() + restMostMs;
    while (this.pump(true)) {
      if (now() > until) {
        // Its end must be known all the same.
        this.note('warn', 'something that it has started goes on writing: that is not kept');
        break;
      }
      // Others get their turn in between.
      await setImmediate();
    }
    if (this.#failing.has(unwritten)) throw new Error(unwritten);
  }

  /** Leaves the rest to a successor. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of streams) this.#spools[stream].close();
    closeSync(this.#readFile);
    this.#options.log.close();
  }

  /** A part of one stream, at most a quarter of a megabyte: then other things get their turn. */
  #take(stream: 'stdout' | 'stderr', isEnd: boolean): boolean {
    const spool = this.#spools[stream];
    const { pluginId, instance, secrets } = this.#options;
    const before = spool.offset;
    const { lines, skippedBytes, more } = spool.pull(isEnd);
    if (skippedBytes > 0) {
      const why = 'they were written faster than they could be kept';
      this.note('warn', `at least ${skippedBytes} bytes of ${stream} are lost: ${why}`);
    }
    const readAt = Date.now();
    const origin = { pluginId, instance, stream, readAt, ...(secrets && { secrets }) };
    const records = lines.flatMap(({ bytes, isCut }) => recordOf(bytes, { ...origin, isCut }) ?? []);
    const isKept = this.#keep(records);
    if (isKept) spool.accept();
    // Also of a file that was emptied, though nothing can be kept: it may grow beyond where it was read.
    if (spool.offset !== before) this.#noteOffsets();
    return isKept && more;
  }

  /** @returns false when the disk takes nothing: then it is tried again, since the output cannot grow either */
  #keep(records: LogRecord[]): boolean {
    if (records.length === 0 || this.#closed) return true;
    const { pluginId, instance, connection, log } = this.#options;
    const lines = records.map((record) => JSON.stringify(record));
    try {
      log.append(`${lines.join('\n')}\n`);
      this.#failing.delete(unwritten);
    } catch (error) {
      this.#sayFailure(unwritten, error);
      return false;
    }
    const subject = subjects.event(pluginId, instance, 'log');
    for (const line of lines) {
      const bytes = Buffer.byteLength(line);
      if (this.#budget.take(bytes, now())) connection.publish(subject, line);
      else this.#countUnpublished(bytes);
    }
    return true;
  }

  #countUnpublished(bytes: number): void {
    this.#unpublished ??= { count: 0, bytes: 0, since: now() };
    this.#unpublished.count += 1;
    this.#unpublished.bytes += bytes;
  }

  #tellUnpublished(atOnce: boolean): void {
    if (!this.#unpublished || (!atOnce && now() - this.#unpublished.since < 1_000)) return;
    const { count, bytes } = this.#unpublished;
    this.#unpublished = undefined;
    const { pluginId, instance, connection } = this.#options;
    const record: LogRecord = {
      time: new Date().toISOString(),
      level: 'warn',
      plugin_id: pluginId,
      instance,
      message: `${count} lines (${bytes} bytes) are only in the log file: they came faster than ${this.#busBytesPerSecond} bytes a second`,
      unpublished_lines: count,
      unpublished_bytes: bytes,
      by: 'supervisor',
      source: 'sdk',
    };
    connection.publish(subjects.event(pluginId, instance, 'log'), JSON.stringify(record));
  }

  #noteOffsets(): void {
    const { stdout, stderr } = this.#spools;
    try {
      writeOffsets(this.#readFile, stdout.offset, stderr.offset);
      this.#failing.delete(unnoted);
    } catch (error) {
      this.#sayFailure(unnoted, error);
    }
  }

  /** Once, until it works again. */
  #sayFailure(text: string, error: unknown): void {
    const { pluginId, instance, ownLog } = this.#options;
    if (!this.#failing.has(text)) ownLog.error({ error, plugin_id: pluginId, instance }, text);
    this.#failing.add(text);
  }
}

function writeOffsets(handle: number, out: number, err: number): void {
  // One write of a fixed length: whoever reads it finds the old or the new.
  writeSync(handle, JSON.stringify([out, err]).padEnd(64), 0);
}

function readOffsets(file: string): [number, number] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (
      Array.isArray(value) &&
      value.length === 2 &&
      value.every((one) => Number.isSafeInteger(one) && one >= 0)
    ) {
      return value as [number, number];
    }
  } catch {
    // A new instance has read nothing yet.
  }
  return [0, 0];
}
