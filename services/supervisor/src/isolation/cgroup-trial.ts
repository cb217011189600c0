import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { delay } from '@bkg/sdk/host';
import type { Limit } from './cgroup-places.ts';
import { fieldOf } from './cgroup-version.ts';
import type { InstanceCgroups } from './instance-cgroups.ts';
import { wrapped } from './wrapped.ts';

/** It takes a tenth of a second; a slow machine shall not lose its limits for that. */
const deadlineMs = 15_000;
const lookEveryMs = 10;

/** What a process does that is over a limit by far, and ends by itself soon where nothing stops it. */
const excesses: Record<Limit, string> = {
  // 64 MiB of text.
  memory: 'a=0123456789abcdef; i=0; while [ $i -lt 22 ]; do a=$a$a; i=$((i+1)); done',
  cpu: 'i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done',
  pids: 'i=0; while [ $i -lt 20 ]; do sleep 1 & i=$((i+1)); done; wait',
};

/** Whether the kernel has stopped it. */
const stopped: Record<Limit, (cgroups: InstanceCgroups) => boolean> = {
  memory: (cgroups) => cgroups.oomKill !== undefined,
  cpu: ({ parts: { cpu } }) =>
    cpu !== undefined && fieldOf(path.join(cpu.folder, 'cpu.stat'), 'nr_throttled') > 0,
  pids: ({ parts: { pids } }) =>
    pids !== undefined && fieldOf(path.join(pids.folder, 'pids.events'), 'max') > 0,
};

/** So little that it shows at once. */
const limitIt: Record<Limit, (cgroups: InstanceCgroups) => void> = {
  memory: ({ parts: { memory } }) => memory?.version.limitMemory(memory.folder, 16 * 1024 * 1024),
  cpu: ({ parts: { cpu } }) => cpu?.version.limitCpu(cpu.folder, 5),
  pids: ({ parts: { pids } }) => pids?.version.limitProcesses(pids.folder, 8),
};

/**
 * Whether a limit holds: a process that goes over it is stopped by the kernel.
 * @throws what the system says, the signal's reason
 */
export async function holds(limit: Limit, cgroups: InstanceCgroups, signal: AbortSignal): Promise<boolean> {
  limitIt[limit](cgroups);
  const [command = '', ...args] = wrapped(['/bin/sh', '-c', excesses[limit]], { join: cgroups.joinFiles });
  const child = spawn(command, args, { stdio: 'ignore', env: {}, detached: true });
  const ended = hasEnded(child);
  try {
    for (const until = Date.now() + deadlineMs; Date.now() < until;) {
      if (stopped[limit](cgroups)) return true;
      await delay(lookEveryMs, signal);
      if (ended()) return stopped[limit](cgroups);
    }
    return false;
  } finally {
    cgroups.kill();
    child.kill('SIGKILL');
  }
}

function hasEnded(child: ChildProcess): () => boolean {
  let ended = false;
  child.once('exit', () => (ended = true)).once('error', () => (ended = true));
  return () => ended;
}
