import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { codeOf } from '../error-code.ts';

export interface LogFileOptions {
  /** `logs/<plugin>`. */
  folder: string;
  instance: string;
  /** Of one file; an instance has at most two. @default 5 MiB */
  mostBytes?: number;
}

/** Instances of a plugin whose logs are kept. */
export const keptInstances = 10;

const ending = '.log';
const olderEnding = '.log.1';

/** The log of one instance: a record a line, as JSON. This process is its only writer. */
export class LogFile {
  readonly #file: string;
  readonly #mostBytes: number;
  #handle: number;
  #bytes: number;

  constructor({ folder, instance, mostBytes = 5 * 1024 * 1024 }: LogFileOptions) {
    mkdirSync(folder, { recursive: true });
    this.#file = path.join(folder, instance + ending);
    this.#mostBytes = mostBytes;
    this.#handle = openSync(this.#file, 'a', 0o600);
    this.#bytes = fstatSync(this.#handle).size;
  }

  /** @param text whole lines with their ends @throws when the disk is full */
  append(text: string): void {
    if (this.#bytes >= this.#mostBytes) this.#turnOver();
    const bytes = Buffer.from(text);
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#handle, bytes, done);
    } catch (error) {
      // It is tried again as a whole; a part of it would be there twice, and its last line spoil the next.
      ftruncateSync(this.#handle, this.#bytes);
      throw error;
    }
    this.#bytes += bytes.length;
  }

  close(): void {
    closeSync(this.#handle);
  }

  #turnOver(): void {
    // Somebody may have tidied up.
    mkdirSync(path.dirname(this.#file), { recursive: true });
    using opened = new DisposableStack();
    const handle = opened.adopt(openSync(`${this.#file}.new`, 'w', 0o600), closeSync);
    this.#putAside();
    renameSync(`${this.#file}.new`, this.#file);
    opened.move();
    closeSync(this.#handle);
    this.#handle = handle;
    this.#bytes = 0;
  }

  #putAside(): void {
    try {
      renameSync(this.#file, this.#file.slice(0, -ending.length) + olderEnding);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** The files of one instance, the newer first. */
export interface InstanceLog {
  instance: string;
  files: string[];
  /** When it was last written to, ms since the epoch. */
  writtenAt: number;
}

/** The logs in `logs/<plugin>`, the last written first. */
export function listLogs(folder: string): InstanceLog[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith(ending))
    .map((name) => {
      const instance = name.slice(0, -ending.length);
      const file = path.join(folder, name);
      const older = instance + olderEnding;
      return {
        instance,
        files: [file, ...(names.includes(older) ? [path.join(folder, older)] : [])],
        writtenAt: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0,
      };
    })
    .sort((a, b) => b.writtenAt - a.writtenAt);
}

/** Removes the logs of the instances that ended longest ago. @param living are kept in any case */
export function removeOldLogs(folder: string, living: ReadonlySet<string>): void {
  const ended = listLogs(folder).filter(({ instance }) => !living.has(instance));
  for (const { files } of ended.slice(keptInstances)) {
    for (const file of files) rmSync(file, { force: true });
  }
}
