import { readFileSync } from 'node:fs';

/**
 * What Linux says of a process in `/proc/<pid>/stat`, from its third field on: state, parent, group, session, … (proc(5)).
 * Undefined when there is no such process, or another system.
 */
export function readProcessStat(pid: number | string): string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended.
    return undefined;
  }
  // The second field is the name, which may hold spaces and brackets.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
