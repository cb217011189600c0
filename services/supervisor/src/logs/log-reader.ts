import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { isLogLevel, reachesLevel } from '@bkg/sdk';
import type { LogRecord } from '@bkg/sdk';
import { codeOf } from '../error-code.ts';
import type { LogFilter } from './log-query.ts';
import type { InstanceLog } from './log-file.ts';

export interface Reading {
  /** The newest last. */
  records: LogRecord[];
  /** Older ones that fit were left out because of `mostBytes`. */
  isCut: boolean;
}

const chunkBytes = 128 * 1024;
/** Our lines begin with these two (unless a field is named by a number), so that most need not be parsed. */
const head = /^\{"time":"([^"]+)","level":"([a-z]+)"/;
/** Times in a file may be this much out of order: lines of the two streams, and times that the plugin gave. */
const disorderMs = 60_000;

/**
 * The newest records of several logs that fit the filter, in the order of their times.
 * @param mostBytes of their JSON together
 */
export async function readLogs(
  logs: readonly InstanceLog[],
  filter: LogFilter,
  mostBytes: number,
): Promise<Reading> {
  const readings = await Promise.all(
    logs
      // A file's time may lie some milliseconds behind the clock.
      .filter(({ writtenAt }) => writtenAt >= filter.since - disorderMs)
      .map(({ files }) => readBackwards(files, filter, mostBytes)),
  );
  const reading = newest(
    readings.flatMap(({ records }) => records),
    filter.lines,
    mostBytes,
  );
  return { records: reading.records, isCut: reading.isCut || readings.some(({ isCut }) => isCut) };
}

/** The newest `lines` records whose JSON has at most `mostBytes`. */
export function newest(records: readonly LogRecord[], lines: number, mostBytes: number): Reading {
  const ordered = records.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).slice(-lines);
  let bytes = 0;
  let from = ordered.length;
  while (from > 0) {
    bytes += Buffer.byteLength(JSON.stringify(ordered[from - 1])) + 1;
    if (bytes > mostBytes) break;
    from -= 1;
  }
  return { records: ordered.slice(from), isCut: from > 0 };
}

/** Of one instance, at most as much as the answer could hold. */
async function readBackwards(
  files: readonly string[],
  { lines, level, since }: LogFilter,
  mostBytes: number,
): Promise<Reading> {
  const records: LogRecord[] = [];
  let bytes = 0;
  for (const file of files) {
    for await (const line of linesBackwards(file)) {
      const { time, level: named } = headOf(line);
      const at = Date.parse(time);
      if (at < since - disorderMs) return { records: records.reverse(), isCut: false };
      if (!(at >= since) || !isLogLevel(named) || !reachesLevel(named, level)) continue;
      const record = parse(line);
      if (!record) continue;
      bytes += Buffer.byteLength(line) + 1;
      if (bytes > mostBytes) return { records: records.reverse(), isCut: true };
      records.push(record);
      if (records.length === lines) return { records: records.reverse(), isCut: false };
    }
  }
  return { records: records.reverse(), isCut: false };
}

/** The whole lines of a file from its end to its beginning; none of one that is not there any more. */
async function* linesBackwards(file: string): AsyncGenerator<string> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    let end = (await handle.stat()).size;
    let rest: Buffer = Buffer.alloc(0);
    while (end > 0) {
      const start = Math.max(0, end - chunkBytes);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
      const text = Buffer.concat([buffer.subarray(0, bytesRead), rest]);
      const first = start === 0 ? 0 : text.indexOf(0x0a) + 1;
      // No line begins in this chunk: it belongs to what stands before it.
      rest = start !== 0 && first === 0 ? text : text.subarray(0, first);
      const whole = start !== 0 && first === 0 ? '' : text.subarray(first).toString();
      yield* whole.split('\n').filter(Boolean).reverse();
      end = start;
    }
  } finally {
    await handle.close();
  }
}

function headOf(line: string): { time: string; level: unknown } {
  const [, time, level] = head.exec(line) ?? [];
  if (time !== undefined) return { time, level };
  const record = parse(line);
  return { time: record?.time ?? '', level: record?.level };
}

function parse(line: string): LogRecord | undefined {
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    // A full disk cuts lines.
    return undefined;
  }
}
