import {
  closeSync,
  copyFileSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { hideSecrets } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';

export interface LogFile {
  file: string;
  /** Opens it for append while `work` hands it to a process, which keeps it open. */
  append: <T>(work: (output: number) => T) => T;
  size: () => number;
}

export interface Bounds {
  /** From here on a log is cut; with the copy of its earlier part it takes twice as much. */
  mostBytes: number;
  everyMs: number;
}

const tailBytes = 64 * 1024;
const longestLine = 400;

export function logFile(file: string): LogFile {
  return {
    file,
    append: (work) => {
      const output = openSync(file, 'a', 0o600);
      try {
        return work(output);
      } finally {
        closeSync(output);
      }
    },
    size: () => statSync(file, { throwIfNoEntry: false })?.size ?? 0,
  };
}

/**
 * Keeps logs bounded until `signal` aborts. A process holds its log open, so the log is copied to `<file>.1` and
 * emptied: opened for append, it goes on at the beginning. What is written between copy and cut is lost.
 * @param onProblem hears what has become of a file, and why; of one that stays too long once, until it is cut again
 */
export async function boundLogs(
  logs: readonly LogFile[],
  { mostBytes, everyMs }: Bounds,
  onProblem: (what: string, error: Error) => void,
  signal: AbortSignal,
): Promise<void> {
  const uncut = new Set<string>();
  while (!signal.aborted) {
    for (const log of logs) {
      try {
        if (log.size() <= mostBytes) continue;
        cut(log.file, onProblem);
        uncut.delete(log.file);
      } catch (error) {
        // As on a file system that has become read-only. The mesh goes on.
        if (!uncut.has(log.file)) onProblem(`${log.file} cannot be cut`, error as Error);
        uncut.add(log.file);
      }
    }
    await delay(everyMs, signal).catch(() => undefined);
  }
}

/** The last lines that were written since the log had `since` bytes, for people to read. */
export function lastLines({ file }: LogFile, since: number, count: number): string {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    return `(${file} cannot be read: ${(error as Error).message})`;
  }
  try {
    const { size } = fstatSync(handle);
    // It was cut meanwhile: all of it is newer.
    const from = Math.max(size < since ? 0 : since, size - tailBytes);
    const bytes = Buffer.alloc(size - from);
    readSync(handle, bytes, 0, bytes.length, from);
    return bytes.toString().split('\n').filter(Boolean).slice(-count).map(readable).join('\n');
  } finally {
    closeSync(handle);
  }
}

/** A line of a log, without the JSON around what it says. */
function readable(line: string): string {
  let text = line;
  try {
    const { level, message, error } = JSON.parse(line) as Record<string, unknown>;
    const cause = (error as { message?: unknown } | undefined)?.message;
    if (typeof message === 'string')
      text = `${String(level)}: ${message}${typeof cause === 'string' ? `: ${cause}` : ''}`;
  } catch {
    // No JSON: it is what it says.
  }
  // nats-server writes who was refused: somebody may have given a key as the user.
  const plain = hideSecrets(stripVTControlCharacters(text)).replaceAll(/\p{Cc}/gu, ' ');
  return `    ${plain.length > longestLine ? `${plain.slice(0, longestLine)}…` : plain}`;
}

/** @throws what the system says when it cannot be emptied */
function cut(file: string, onProblem: (what: string, error: Error) => void): void {
  let copyError: Error | undefined;
  try {
    copyFileSync(file, `${file}.1`);
  } catch (error) {
    // On a full disk the copy is what there is no room for; the cut makes some.
    copyError = error as Error;
    rmSync(`${file}.1`, { force: true });
  }
  truncateSync(file);
  if (copyError) onProblem(`${file} was cut without a copy`, copyError);
}
