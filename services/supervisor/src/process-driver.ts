import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isSameProcess, processStart, readProcessStat } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { codeOf } from './error-code.ts';
import { isProgram } from './program-file.ts';
import { environmentOf, lookAtProcesses } from './process-table.ts';
import type { ProcessLook } from './process-table.ts';
import { isShortage } from './shortage.ts';
import type { Ending } from './verdict.ts';

export interface LaunchSpec {
  instance: string;
  /** What the plugin is, in the end: `command` may lead to it by way of others. */
  program: string;
  command: string;
  args: readonly string[];
  folder: string;
  env: Record<string, string>;
  /** Open files for standard output and error: unlike pipes they outlive us. */
  output: { out: number; err: number };
}

/** A process of an instance, launched or adopted. */
export interface InstanceProcess {
  /** Undefined when it could not be started. */
  readonly identity: ProcessIdentity | undefined;
  /** Resolves when it has ended and what it had left in its session is killed. */
  readonly ended: Promise<Ending>;
  /** Asks it to end in order: it alone, because its children serve what it still has to finish. @returns false when it is not there */
  terminate(): boolean;
  /** Ends it and all that it started. */
  kill(): boolean;
  /** Watches it no longer. */
  letGo(): void;
}

/** Starts an instance in a session, and so in a process group, of its own. */
export function launchProcess(spec: LaunchSpec): InstanceProcess {
  const { instance, program, command, args, folder, env, output } = spec;
  if (!isProgram(program, folder, env['PATH'] ?? ''))
    return notStarted(
      Promise.resolve({ how: 'not started', error: `there is no program ${program} that can be run` }),
    );
  const child = spawn(command, args, {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', output.out, output.err],
  });
  // It shall not keep us from ending.
  child.unref();
  const { pid } = child;
  if (pid === undefined) return notStarted(endOf(child));
  const identity = { pid, start: processStart(pid) ?? '' };
  const ended = endOf(child).then(async (ending) => {
    await killRest(identity, instance, { leaderIsOurs: true });
    return ending;
  });
  // Until we have been told of its end the system keeps the pid for it: nobody else can be hit.
  const isThere = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    identity,
    ended,
    terminate: () => isThere() && signal(pid, 'SIGTERM'),
    kill: () => isThere() && killSession(pid, instance, { leaderIsOurs: true }),
    letGo: () => child.removeAllListeners('exit'),
  };
}

function notStarted(ended: Promise<Ending>): InstanceProcess {
  return { identity: undefined, ended, terminate: () => false, kill: () => false, letGo: () => undefined };
}

/**
 * Watches a process that an earlier supervisor started. The system tells only parents of an end, so others must look,
 * and nothing is signalled that is not the same pid, start and instance.
 */
export function adoptProcess(
  identity: ProcessIdentity,
  instance: string,
  { everyMs }: { everyMs: number },
): InstanceProcess {
  const { pid } = identity;
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<Ending>((resolve) => {
    timer = setInterval(() => {
      if (isSameProcess(identity)) return;
      clearInterval(timer);
      const rest = killRest(identity, instance, { leaderIsOurs: false });
      resolve(rest.then(() => ({ how: 'unknown' })));
    }, everyMs);
  });
  const isThere = (): boolean => isSameProcess(identity) && isOf(pid, instance);
  return {
    identity,
    ended,
    terminate: () => isThere() && signal(pid, 'SIGTERM'),
    kill: () => isThere() && killSession(pid, instance, { leaderIsOurs: true }),
    letGo: () => clearInterval(timer),
  };
}

export interface KillOptions {
  /** The session is known to be the instance's; otherwise one of its processes must say so. */
  leaderIsOurs: boolean;
  /** When the leader started that has ended; absent while it is there. */
  endedStart?: string;
}

/**
 * Kills a session and whatever else carries the instance in its environment, as a child that made a session of its own.
 * @returns whether there was anything to kill
 */
export function killSession(
  leader: number,
  instance: string,
  { leaderIsOurs, endedStart }: KillOptions,
): boolean {
  if (process.platform !== 'linux') return leaderIsOurs && signal(-leader, 'SIGKILL');
  const look = lookIfPossible();
  const carriers = look.carriers.get(instance) ?? [];
  const members = look.members.get(leader) ?? [];
  const isOurs = leaderIsOurs || members.some((row) => carriers.includes(row));
  const session = isOurs && !(endedStart !== undefined && isTaken(leader, endedStart)) ? members : [];
  const isThere = leaderIsOurs && endedStart === undefined;
  // The group as one first: what forks while we go through the list is in it.
  const group = (isThere || session.some(isSameProcess)) && signal(-leader, 'SIGKILL');
  // The look may be of a moment ago, and a number somebody else's by now.
  const killed = [...new Set([...carriers, ...session])].filter(
    (row) => isSameProcess(row) && signal(row.pid, 'SIGKILL'),
  );
  return group || killed.length > 0;
}

/** Who has no file left to look with kills the group at least: what is left carries the instance, and a successor finds it. */
function lookIfPossible(): ProcessLook {
  try {
    return lookAtProcesses();
  } catch (error) {
    if (!isShortage(error)) throw error;
    return { members: new Map(), carriers: new Map() };
  }
}

/**
 * Whether the number of a leader that has ended is somebody else's by now, and so the session of that number: the system
 * gives none away that a group or session still has.
 */
function isTaken(leader: number, endedStart: string): boolean {
  const start = readProcessStat(leader)?.[19];
  // It itself as long as nobody has asked how it ended.
  return start !== undefined && start !== endedStart;
}

/** In the next turn: then one look shows what is left of all that have ended in this one. */
async function killRest(
  { pid, start }: ProcessIdentity,
  instance: string,
  options: KillOptions,
): Promise<void> {
  await nextTurn();
  killSession(pid, instance, { ...options, endedStart: start });
}

/** Kills those of the processes that still carry the instance. */
export function killCarriers(pids: readonly number[], instance: string): void {
  for (const pid of pids) if (isOf(pid, instance)) signal(pid, 'SIGKILL');
}

function isOf(pid: number, instance: string): boolean {
  if (process.platform !== 'linux') return true;
  return environmentOf(pid)?.get('BKG_INSTANCE_ID') === instance;
}

function endOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
      const { message, code } = error;
      resolve({ how: 'not started', error: message, ...(code !== undefined && { code }) });
    });
    child.once('exit', (code, name) => {
      resolve(name ? { how: 'signal', signal: name } : { how: 'exit', code: code ?? 0 });
    });
  });
}

/** @param target a process, or a group by its negative @returns false when there is none, or none of ours */
export function signal(target: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(target, name);
  } catch (error) {
    // It ended between the look and the signal, or has made itself another user's, as by a set-user-id bit.
    if (['ESRCH', 'EPERM'].includes(codeOf(error))) return false;
    throw error;
  }
}
