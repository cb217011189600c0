import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whether a process with this id exists; a zombie does not count. @param {number} pid */
export function isAlive(pid) {
  if (process.platform === 'linux') return startOf(pid) !== undefined;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * When a process started, as text to compare: ids are used again, the pair of both is not.
 * @param {number} pid
 * @returns {string | undefined}  undefined: no such process; '' where the system does not tell (Windows)
 */
export function startOf(pid) {
  if (process.platform === 'win32') return isAlive(pid) ? '' : undefined;
  try {
    if (process.platform === 'linux') {
      // After the name, which may hold spaces and brackets: field 3 is the state, field 22 the start.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
    }).trim();
  } catch {
    return undefined;
  }
}
