import { execFileSync } from 'node:child_process';
import { processStat } from './process-stat.ts';

/** Names a process for good: the system uses a pid again, but not with the same start. */
export interface ProcessIdentity {
  pid: number;
  /** As the system tells it, to compare only; "" where it does not tell. */
  start: string;
}

/** When a process started, as text to compare; undefined when there is none. A zombie counts as none. */
export function processStart(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      return linuxStart(pid);
    } catch {
      // It has ended.
      return undefined;
    }
  }
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
  if (process.platform !== 'linux') return processStart(pid) === start;
  try {
    return linuxStart(pid) === start;
  } catch (error) {
    return isBlind(error);
  }
}

/** Whether there is no process of that number. */
export function isGone(pid: number): boolean {
  if (process.platform !== 'linux') return processStart(pid) === undefined;
  try {
    return linuxStart(pid) === undefined;
  } catch (error) {
    return !isBlind(error);
  }
}

/** Who has no file left to look with must not take the living for dead. */
function isBlind(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(String((error as NodeJS.ErrnoException).code));
}

/** @throws what the system says, as when there is no such process */
function linuxStart(pid: number): string | undefined {
  const fields = processStat(pid);
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}
