import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { HomePaths } from '@bkg/sdk/host';
import { environmentOf } from '../process-table.ts';
import type { Found } from './found.ts';
import { closeData, closedFolder, openHome } from './open-folders.ts';
import { findProgram } from './programs.ts';
import { trialUser } from './user-ids.ts';

/** The start of a command that becomes another user's, without any rights, and then the rest of it. */
export type Become = (user: number) => string[];

const deadlineMs = 5_000;

/** It says that it is there before it is asked to do anything. */
const script = 'echo here && read -r go && cd "$1" && : > written && exec "$2" --version';

/**
 * Whether plugins can run under users of their own: one that nobody else is gets to a folder of its own in the home and
 * runs Node, and we can tell whose process it is. Opens the folders of the home for them. @throws the signal's reason
 */
export async function probeUsers(home: HomePaths, node: string, signal: AbortSignal): Promise<Found<Become>> {
  if (process.getuid?.() !== 0) return { lack: 'only root can give it one' };
  const setpriv = findProgram('setpriv');
  if (!setpriv) return { lack: 'there is no "setpriv" on this machine (a program of util-linux)' };
  const flags = ['--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'];
  const become: Become = (user) => [setpriv, `--reuid=${user}`, `--regid=${user}`, ...flags, '--'];
  const folder = path.join(home.run, `user-trial-${process.pid}`);
  try {
    openHome(home);
    closeData(home.data);
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, trialUser, trialUser);
    const lack = await tryAs(become(trialUser), folder, node, signal);
    return lack === undefined ? { have: become } : { lack };
  } catch (error) {
    signal.throwIfAborted();
    return { lack: `a trial has failed (${error instanceof Error ? error.message : String(error)})` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns why it cannot be done; undefined when it can */
async function tryAs(
  become: readonly string[],
  folder: string,
  node: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [command = '', ...args] = [...become, '/bin/sh', '-c', script, 'bkg', folder, node];
  const mark = path.basename(folder);
  const child = spawn(command, args, {
    stdio: 'pipe',
    env: { BKG_INSTANCE_ID: mark },
    timeout: deadlineMs,
    signal,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close') as Promise<[number | null]>;
  const isThere = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)]);
  const isSeen = isThere && environmentOf(child.pid ?? 0)?.get('BKG_INSTANCE_ID') === mark;
  child.stdin.on('error', () => undefined).end('go\n');
  const [code] = await ended;
  if (!isThere) return `it cannot be made another's (${said.trim().split('\n')[0] ?? ''})`;
  if (!isSeen)
    return 'bkg may not see the environment of the processes of others (a container needs the capability SYS_PTRACE)';
  if (code === 0) return undefined;
  const closed = closedFolder(folder) ?? closedFolder(node);
  return closed === undefined ? `it cannot run Node (${said.trim()})` : `${closed} is closed to other users`;
}

/** @returns how a command is kept to so many processes of its user; undefined when that does not hold here */
export function probeCount(become: Become): ((most: number) => string[]) | undefined {
  const prlimit = findProgram('prlimit');
  if (!prlimit) return undefined;
  const count = (most: number): string[] => [prlimit, `--nproc=${most}:${most}`, '--'];
  const [fails, works] = [1, 10].map((most) => {
    const [command = '', ...args] = [
      ...become(trialUser),
      ...count(most),
      '/bin/sh',
      '-c',
      '(:) && exit 0; exit 9',
    ];
    return spawnSync(command, args, { env: {}, stdio: 'ignore', timeout: deadlineMs }).status;
  });
  return fails !== 0 && works === 0 ? count : undefined;
}

/**
 * What a plugin's user cannot read, tried as that user.
 * @param paths those that are there; folders must be open
 * @returns why not, undefined when it can read all
 * @throws what the system says when that cannot be tried now
 */
export function unreadable(become: readonly string[], paths: readonly string[]): string | undefined {
  const there = paths.filter((one) => existsSync(one));
  const look =
    'for one do [ -r "$one" ] && { [ ! -d "$one" ] || [ -x "$one" ]; } || { echo "$one"; exit 1; }; done';
  const [command = '', ...args] = [...become, '/bin/sh', '-c', look, 'bkg', ...there];
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: {},
    timeout: deadlineMs,
  });
  if (status === 0) return undefined;
  const file = stdout?.trim() ?? '';
  if (file === '') {
    const why = stderr?.trim() || `it ended with ${status}`;
    // Nothing was found out: to run it as we are for that would give it all rights.
    throw error ?? new Error(`it cannot be tried whether a plugin's user can read its files (${why})`);
  }
  return `${closedFolder(file) ?? file} is closed to other users`;
}
