import { spawn } from 'node:child_process';
import { delay, isSameProcess, processStart } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';

/** How a process ended. Of one that is not our child nothing is known but that it did. */
export type Ending = { code: number } | { signal: string } | { error: Error } | 'unknown';

/** A process that is started or adopted, and watched until it ends. */
export interface HeldProcess extends ProcessIdentity {
  ended: Promise<Ending>;
  /** Stops watching. */
  letGo: () => void;
}

export interface Launch {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Where its output goes: an open file, so that it outlives us. */
  output: number;
}

const killWithinMs = 2_000;
const goneEveryMs = 20;

/** Starts a process in a group of its own, or the terminal's Ctrl-C would reach it before its turn to stop. */
export function startProcess({ command, args, env, cwd, output }: Launch): HeldProcess {
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', output, output] });
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('exit', (code, signal) => resolve(signal ? { signal } : { code: code ?? 0 }));
  });
  const pid = child.pid ?? 0;
  return { pid, start: (pid && processStart(pid)) || '', ended, letGo: () => child.unref() };
}

/** Watches a process that an earlier `bkg up` started: the system tells only parents of an end, so others must look. */
export function adoptProcess({ pid, start }: ProcessIdentity, pollMs: number): HeldProcess {
  let timer: NodeJS.Timeout;
  const ended = new Promise<Ending>((resolve) => {
    timer = setInterval(() => {
      if (isSameProcess({ pid, start })) return;
      clearInterval(timer);
      resolve('unknown');
    }, pollMs);
  });
  return { pid, start, ended, letGo: () => clearInterval(timer) };
}

/** A start that failed before there was a process: it counts as an ending like any other. */
export function neverStarted(error: Error): HeldProcess {
  return { pid: 0, start: '', ended: Promise.resolve({ error }), letGo: () => undefined };
}

/** Ends the process and all that it started in its group. */
export function killGroup(identity: ProcessIdentity): boolean {
  return isAlive(identity) && (kill(-identity.pid, 'SIGKILL') || kill(identity.pid, 'SIGKILL'));
}

/** Gone: it had ended before. Stuck: not even SIGKILL ends it, which the system does in its own time. */
export type Stopped = 'gone' | 'stopped' | 'killed' | 'stuck';

/** SIGTERM, and SIGKILL to the whole group of who does not end in time. */
export async function endProcess(held: HeldProcess, withinMs: number): Promise<Stopped> {
  if (!isAlive(held) || !kill(held.pid, 'SIGTERM')) {
    held.letGo();
    return 'gone';
  }
  let stopped: Stopped = 'stopped';
  if (!(await isGone(held, withinMs))) {
    killGroup(held);
    stopped = (await isGone(held, killWithinMs)) ? 'killed' : 'stuck';
  }
  held.letGo();
  return stopped;
}

/** Looks more often than the watch over an adopted process does: here somebody waits. */
async function isGone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (performance.now() >= until) return false;
    await delay(goneEveryMs);
  }
  return true;
}

export function isAlive(identity: ProcessIdentity | undefined): boolean {
  // 0 would be our own group, in every system call that takes it.
  return identity !== undefined && identity.pid > 0 && isSameProcess(identity);
}

/** Not what a program does to itself: those have other signals, as SIGSEGV and SIGABRT. */
export function isKill(ending: Ending): boolean {
  return typeof ending === 'object' && 'signal' in ending && ['SIGKILL', 'SIGTERM'].includes(ending.signal);
}

export function describeEnding(ending: Ending): string {
  if (ending === 'unknown') return 'ended';
  if ('error' in ending) return `could not be started (${ending.error.message})`;
  return 'signal' in ending ? `ended by ${ending.signal}` : `ended with code ${ending.code}`;
}

function kill(target: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(target, name);
  } catch (error) {
    // It ended between the look and the signal, or leads no group.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
