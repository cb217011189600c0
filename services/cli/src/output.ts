import { once } from 'node:events';
import { createWriteStream, realpathSync, rmSync, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { UsageError } from './command.ts';
import { executedCode, Failure } from './failure.ts';

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

const elsewhere = 'name another file with --output.';

/** A file that is there when all of it is there, and not before. @throws Failure; UsageError */
export async function outputFile(file: string): Promise<Output> {
  const before = failing(file, elsewhere, 1);
  const late = failing(
    file,
    `${elsewhere} The invocation has been carried out, at least in part.`,
    executedCode,
  );
  const { target, isSpecial, mode } = targetOf(file);
  const written = isSpecial
    ? target
    : path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.part`);
  // Nothing that lies there already, a link included, is written to.
  const stream = createWriteStream(written, { flags: isSpecial ? 'w' : 'wx', mode });
  let failure: unknown;
  let isKept = isSpecial;
  stream.on('error', (error) => (failure ??= error));
  await guarded(before, once(stream, 'open'));
  return {
    write: async (data) => {
      if (failure !== undefined) throw late(failure);
      if (!stream.write(data)) await guarded(late, once(stream, 'drain'));
    },
    end: async () => {
      stream.end();
      await guarded(late, finished(stream));
      if (isSpecial) return;
      isKept = true;
      await guarded(
        failing(file, 'move it to where it is to be.', executedCode, `; all of the answer is in ${written}`),
        rename(written, target),
      );
    },
    discard: async () => {
      await closed(stream);
      if (!isKept) rmSync(written, { force: true });
    },
  };
}

interface Target {
  /** Behind all links: they stay. */
  target: string;
  /** A device or a pipe is written to, not replaced. */
  isSpecial: boolean;
  /** What is replaced keeps its permissions. */
  mode: number | undefined;
}

function targetOf(file: string): Target {
  if (file === '' || file.endsWith('/')) throw new UsageError('--output takes the name of a file');
  try {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats?.isDirectory())
      throw new Failure(`${file} is a folder.`, 'name a file with --output.', { exitCode: 2 });
    if (!stats) return { target: file, isSpecial: false, mode: undefined };
    return { target: realpathSync(file), isSpecial: !stats.isFile(), mode: stats.mode & 0o777 };
  } catch (error) {
    throw error instanceof Failure ? error : failing(file, elsewhere, 1)(error);
  }
}

async function closed(stream: WriteStream): Promise<void> {
  if (stream.closed) return;
  const closing = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  stream.destroy();
  await closing;
}

async function guarded(asFailure: (error: unknown) => Failure, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw asFailure(error);
  }
}

/** @param rest of the sentence that says what failed */
function failing(file: string, remedy: string, exitCode: number, rest = ''): (error: unknown) => Failure {
  return (error) =>
    new Failure(`writing ${file} failed: ${(error as Error).message}${rest}.`, remedy, {
      exitCode,
      cause: error,
    });
}
