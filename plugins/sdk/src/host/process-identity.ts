import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Names a process for good: the system uses a pid again, but not with the same start. */
export interface ProcessIdentity {
  pid: number;
  /** As the system tells it, to compare only; "" where it does not tell. */
  start: string;
}

/** When a process started, as text to compare; undefined when there is none. A zombie counts as none. */
export function processStart(pid: number): string | undefined {
  if (process.platform === 'linux') return linuxStart(pid);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  if (process.platform === 'win32') return '';
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
    }).trim();
  } catch {
    // ps fails for a process that ended meanwhile.
    return undefined;
  }
}

export function isSameProcess({ pid, start }: ProcessIdentity): boolean {
  return processStart(pid) === start;
}

function linuxStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // After the name, which may hold spaces and brackets: the state is the first field, the start the twentieth.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}
