import { once } from 'node:events';
import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { Failure } from './failure.ts';

/** Where the answer goes. */
export interface Output {
  /** Waits for a slow reader. @throws Failure */
  write: (data: Uint8Array | string) => Promise<void>;
  /** All of it is there. @throws Failure */
  end: () => Promise<void>;
  /** It failed: what was written is taken away, where that can be. */
  discard: () => Promise<void>;
}

export const standardOutput: Output = {
  write: async (data) => {
    if (!process.stdout.write(data)) await once(process.stdout, 'drain');
  },
  end: () => Promise.resolve(),
  discard: () => Promise.resolve(),
};

/** A file that is there when all of it is there, and not before. @throws Failure */
export async function outputFile(file: string): Promise<Output> {
  const isSpecial = typeOf(file) === 'special';
  const written = isSpecial
    ? file
    : path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.part`);
  // Nothing that lies there already, a link included, is written to.
  const stream = createWriteStream(written, { flags: isSpecial ? 'w' : 'wx' });
  const doing = `writing ${file}`;
  let failure: unknown;
  stream.on('error', (error) => (failure ??= error));
  await guarded(doing, once(stream, 'open'));
  return {
    write: async (data) => {
      if (failure !== undefined) throw asFailure(doing, failure);
      if (!stream.write(data)) await guarded(doing, once(stream, 'drain'));
    },
    end: async () => {
      stream.end();
      await guarded(doing, finished(stream));
      if (!isSpecial) renameSync(written, file);
    },
    discard: async () => {
      await closed(stream);
      if (!isSpecial) rmSync(written, { force: true });
    },
  };
}

/** A device or a pipe is written to, not replaced. */
function typeOf(file: string): 'special' | 'file' {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isDirectory())
    throw new Failure(`${file} is a folder.`, 'name a file with --output.', { exitCode: 2 });
  return stats && !stats.isFile() ? 'special' : 'file';
}

async function closed(stream: WriteStream): Promise<void> {
  if (stream.closed) return;
  const closing = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  stream.destroy();
  await closing;
}

async function guarded(doing: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw asFailure(doing, error);
  }
}

function asFailure(doing: string, error: unknown): Failure {
  return new Failure(`${doing} failed: ${(error as Error).message}.`, 'name another file with --output.', {
    cause: error,
  });
}
