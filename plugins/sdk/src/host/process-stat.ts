import { readFileSync } from 'node:fs';

/** Of /proc, on every Linux that Node runs on. */
const msPerTick = 10;
/** The same but on some with arm64, where memory then looks smaller than it is. */
export const pageBytes = 4096;

export interface ProcessTotals {
  /** Of all its threads, since it was started; its resolution is 10 ms. */
  cpuMs: number;
  /** Resident now. */
  memoryBytes: number;
}

/** What a process has taken, without its children. Undefined when there is no such process, or another system. */
export function readProcessTotals(pid: number): ProcessTotals | undefined {
  const fields = readProcessStat(pid)?.map(Number);
  if (!fields) return undefined;
  // proc(5): utime is field 14, stime 15, rss 24; the first two are cut off here.
  const [userTicks = 0, systemTicks = 0, pages = 0] = [fields[11], fields[12], fields[21]];
  return { cpuMs: (userTicks + systemTicks) * msPerTick, memoryBytes: pages * pageBytes };
}

/**
 * What Linux says of a process in `/proc/<pid>/stat`, from its third field on: state, parent, group, session, … (proc(5)).
 * Undefined when there is no such process, or another system.
 */
export function readProcessStat(pid: number | string): string[] | undefined {
  try {
    return processStat(pid);
  } catch {
    // It has ended.
    return undefined;
  }
}

/** The same. @throws what the system says */
export function processStat(pid: number | string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name, which may hold spaces and brackets.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
