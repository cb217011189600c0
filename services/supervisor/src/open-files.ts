import { readdirSync, readFileSync } from 'node:fs';

/** Of an instance: its log, its two streams, and the note of how far they are read. */
const perInstance = 4;
/** For what is opened for a moment: the process list, cgroups, plugin folders, logs that are read. */
const reserve = 64;

/** More files cannot be opened. */
class FileLimitError extends Error {
  override name = 'FileLimitError';
  readonly code = 'EMFILE';
}

/**
 * Keeps some files free, because without them a process that lives could not be told from one that is gone.
 * @throws Error with the code EMFILE when there is no room for one more instance
 */
export function refuseWithoutFiles(): void {
  if (process.platform !== 'linux') return;
  const most = limit();
  const open = readdirSync('/proc/self/fd').length;
  if (open + perInstance + reserve <= most) return;
  const text = `the supervisor has ${open} of at most ${most} files open, and keeps ${reserve} free; raise that limit (ulimit -n) or run fewer instances`;
  throw new FileLimitError(text);
}

let known: number | undefined;

/** Read once: Node has raised it as far as it may, and nobody lowers it. */
function limit(): number {
  return (known ??= readLimit());
}

function readLimit(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
