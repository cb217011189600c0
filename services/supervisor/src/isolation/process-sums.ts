import { readFileSync } from 'node:fs';
import { pageBytes, readProcessStat } from '@bkg/sdk/host';
import { environmentOf, processNumbers, userOfProcess } from '../process-table.ts';

export interface ProcessSum {
  memoryBytes: number;
  /** With their threads. */
  processes: number;
}

/** What the processes of instances take, told by the process list alone. */
export class ProcessSums {
  /** Of processes by pid and start: their environment is not read again. "" is no instance's. */
  #instances = new Map<string, string>();

  /**
   * @param leaders the first processes of instances, and of which: members of their sessions are theirs, and who carries
   * their id as the same user, because anybody may say so in its environment
   */
  read(leaders: ReadonlyMap<number, string>): Map<string, ProcessSum> {
    const leaderOf = new Map([...leaders].map(([pid, instance]) => [instance, pid]));
    const sums = new Map<string, ProcessSum & { sharedBytes: number }>();
    const seen = new Map<string, string>();
    for (const pid of processNumbers()) {
      // State, parent, group, session, …, threads as the eighteenth and the start as the twentieth.
      const fields = readProcessStat(pid);
      if (!fields || fields[0] === 'Z' || fields[0] === 'X') continue;
      const key = `${pid} ${fields[19]}`;
      const carried = this.#instances.get(key) ?? environmentOf(pid)?.get('BKG_INSTANCE_ID') ?? '';
      seen.set(key, carried);
      const ofSession = leaders.get(Number(fields[3])) ?? leaders.get(Number(fields[2]));
      const instance = ofSession ?? (isSameUsers(pid, leaderOf.get(carried)) ? carried : '');
      if (instance === '') continue;
      const sum = sums.get(instance) ?? { memoryBytes: 0, sharedBytes: 0, processes: 0 };
      const { ownBytes, sharedBytes } = residentOf(pid);
      sum.memoryBytes += ownBytes;
      sum.sharedBytes = Math.max(sum.sharedBytes, sharedBytes);
      sum.processes += Number(fields[17]);
      sums.set(instance, sum);
    }
    this.#instances = seen;
    // What they share they take once.
    for (const sum of sums.values()) sum.memoryBytes += sum.sharedBytes;
    return sums;
  }
}

function isSameUsers(pid: number, leader: number | undefined): boolean {
  return leader !== undefined && userOfProcess(pid) === userOfProcess(leader);
}

function residentOf(pid: number): { ownBytes: number; sharedBytes: number } {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
    return { ownBytes: (resident - shared) * pageBytes, sharedBytes: shared * pageBytes };
  } catch {
    // It has ended.
    return { ownBytes: 0, sharedBytes: 0 };
  }
}
